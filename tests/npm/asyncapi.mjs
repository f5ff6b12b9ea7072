// Reads an AsyncAPI document with the official parser and prints what it says of it.
import { readFileSync } from "node:fs";
import asyncapi from "@asyncapi/parser";

const { file } = JSON.parse(process.argv[2]);
const parser = new asyncapi.Parser();
const { document, diagnostics } = await parser.parse(readFileSync(file, "utf8"), { source: file });
for (const { severity, code, message, path } of diagnostics) {
  console.log(JSON.stringify({ severity, code, message, path: path.join("/") }));
}
for (const channel of document?.allChannels().all() ?? []) {
  const messages = channel.messages().all();
  console.log(
    JSON.stringify({
      address: channel.address(),
      parameters: channel.parameters().all().map((each) => each.id()),
      messages: messages.map((each) => each.id()),
      // Only a schema that was found has the properties of an event.
      kinds: messages.map((each) => each.payload()?.properties()?.kind?.enum() ?? []),
    }),
  );
}
