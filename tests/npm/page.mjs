// Opens a page in Chromium and says what is on it.
//
// Argument: {url, stages, read, boxes?, screenshot?, width?, height?, scheme?}. Each stage is an object: it waits
// until the page has as many elements of each selector (behind "@hover" is one that the pointer is
// put on first), and prints {texts, boxes, errors, requests}: the
// text of what each selector in `read` finds, the place of the first that each in `boxes` does, what the browser has complained about, and every
// address that it has asked for.
import chromium from "@sparticuz/chromium";
import { chromium as playwright } from "playwright-core";

const asked = JSON.parse(process.argv[2]);
const browser = await playwright.launch({
  args: chromium.args,
  executablePath: await chromium.executablePath(),
  headless: true,
});
try {
  const context = await browser.newContext({
    viewport: { width: asked.width ?? 1400, height: asked.height ?? 900 },
    colorScheme: asked.scheme ?? "dark",
  });
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  page.on("websocket", (socket) => requests.push(socket.url()));
  await page.goto(asked.url);
  for (const stage of asked.stages) {
    // By selectors and not by scripts, which the page's own policy rightly refuses to run.
    const { "@hover": under, ...wanted } = stage;
    if (under) await page.hover(under);
    for (const [selector, count] of Object.entries(wanted)) {
      await page.locator(selector).nth(count - 1).waitFor({ state: "attached" });
    }
    const texts = {};
    for (const [name, selector] of Object.entries(asked.read)) {
      texts[name] = await page.locator(selector).allInnerTexts();
    }
    const boxes = {};
    for (const selector of asked.boxes ?? []) {
      const found = page.locator(selector);
      if (await found.count()) boxes[selector] = await found.first().boundingBox();
    }
    if (asked.screenshot) await page.screenshot({ path: asked.screenshot });
    console.log(JSON.stringify({ texts, boxes, errors, requests }));
  }
} finally {
  await browser.close();
}
