// SPDX-License-Identifier: Apache-2.0
// What the test runs on: the real controller with a store of its own, the real browser, TAP lines.
// Ends only what it started, by pid, also when the test fails.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "../..");
export const BUILD = process.env.BUILD ?? join(ROOT, "build");
const require = createRequire(join(ROOT, "api/web/package.json"));
const { chromium } = require("playwright-core");
export const AXE = require.resolve("axe-core/axe.min.js");
export const SHOTS = join(BUILD, "screenshots");

const WORK = mkdtempSync(join(tmpdir(), "nametap-web-"));
const running = new Set(), browsers = new Set();
let failed = 0, stopping = false;

export function ok(good, sentence, ...details) {
  console.log(`${good ? "ok" : "not ok"} - ${sentence}`);
  if (good) return;
  failed++;
  for (const d of details) console.log(`    ${typeof d === "string" ? d : JSON.stringify(d)}`);
}

export const same = (got, want, sentence) => ok(isDeepStrictEqual(got, want), sentence, { got }, { want });

/** A step that throws is a failure of its own and does not end the others. */
export async function step(name, run) {
  try {
    await run();
  } catch (e) {
    if (stopping) await new Promise(() => {}); // the signal's handler ends the process
    ok(false, name, String(e?.stack ?? e));
  }
}

let encoder = "";

function compile() {
  if (encoder) return encoder;
  const out = join(WORK, "make-batch");
  const lib = (n) => join(BUILD, "lib", `lib_${n}.a`);
  execFileSync("gcc", ["-std=gnu17", "-D_GNU_SOURCE", "-fms-extensions", "-O1", "-I.", "-o", out, "tests/web/make-batch.c", "-Wl,--start-group",
    lib("record"), lib("names"), lib("dns"), lib("base"), "-Wl,--end-group", "-ljansson", "-ldeflate", "-lpsl", "-lm"], { cwd: ROOT, stdio: "pipe" });
  return encoder = out;
}

export class Controller {
  #data = mkdtempSync(join(WORK, "data-"));
  #encoder = compile();
  #process = null;
  #objects = mkdtempSync(join(WORK, "objects-"));

  /** Port 0 first; after a stop the same address again. */
  async start() {
    const listen = this.url ? this.url.replace("http://", "").replace(/\/$/, "") : "127.0.0.1:0";
    const p = spawn(join(BUILD, "nametap-controller"), ["--data", this.#data, "--objects", this.#objects, "--listen", listen, "--log-level", "warn"],
      { stdio: ["ignore", "pipe", "inherit"] });
    running.add(p);
    this.#process = p;
    this.url = await new Promise((resolve, reject) => {
      let text = "";
      p.stdout.on("data", (d) => {
        const m = /listening on (http:\S+?)\/?\n/.exec(text += d);
        if (m) resolve(m[1]);
      });
      p.on("exit", (code) => { running.delete(p); reject(new Error(`controller ended with ${code}`)); });
      setTimeout(() => reject(new Error("controller does not listen within 60 s")), 60_000).unref();
    });
  }

  async stop() {
    const p = this.#process;
    if (!running.has(p)) return;
    const gone = new Promise((r) => p.once("exit", r));
    p.kill("SIGTERM");
    await gone;
  }

  /** A manifest in the objects directory; JSON is YAML. */
  put(name, object) { writeFileSync(join(this.#objects, `${name}.json`), JSON.stringify(object)); }

  #bearer() { return `Bearer ${readFileSync(join(this.#data, "token"), "utf8").trim()}`; }

  /** What somebody with the token says. */
  async write(method, path, body) {
    const r = await fetch(`${this.url}/api/v1/${path}`, { method, headers: { Authorization: this.#bearer() }, body: body && JSON.stringify(body) });
    if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${await r.text()}`);
    return r.json();
  }

  async send(batch) {
    const body = execFileSync(this.#encoder, { input: JSON.stringify(batch), maxBuffer: 64 << 20 });
    const r = await fetch(`${this.url}/ingest/v1/batches`, {
      method: "POST", body,
      headers: { Authorization: this.#bearer(), "Content-Type": "application/x-nametap-batch" },
    });
    if (!r.ok) throw new Error(`batch: ${r.status} ${await r.text()}`);
  }

  async get(path, params = {}) {
    const r = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(params)}`);
    const body = await r.json();
    if (!r.ok) throw new Error(`${path}: ${r.status} ${JSON.stringify(body)}`);
    return body;
  }
}

/** A browser of its own with an empty profile; what it says and asks for is kept. */
export async function browse(options = {}) {
  const context = await chromium.launchPersistentContext(mkdtempSync(join(WORK, "profile-")), {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
    handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false, // main() does it, and removes the folder
    viewport: { width: 1280, height: 900 }, timezoneId: "Asia/Kolkata", ...options,
  });
  browsers.add(context);
  context.on("close", () => browsers.delete(context));
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(60_000);
  const said = [], asked = [];
  page.on("console", (m) => { if (["error", "warning"].includes(m.type())) said.push(`${m.type()}: ${m.text()}`); });
  page.on("pageerror", (e) => said.push(`exception: ${e.message}`));
  page.on("dialog", (d) => { said.push(`dialog: ${d.message()}`); void d.dismiss(); });
  page.on("request", (r) => asked.push(r.url()));
  if (process.env.V) page.on("response", async (r) => { if (r.status() >= 400) console.log(`# ${r.status()} ${r.url()} ${await r.text().catch(() => "")}`); });
  return { context, page, said, asked };
}

/** Runs the whole, cleans up, and gives the exit code. */
export async function main(run) {
  mkdirSync(SHOTS, { recursive: true });
  const stop = (signal) => { stopping = true; void cleanUp().finally(() => process.exit(128 + signal)); };
  process.on("SIGINT", () => stop(2));
  process.on("SIGTERM", () => stop(15));
  process.on("SIGHUP", () => stop(1));
  await step("the test runs to its end", run);
  await cleanUp();
  process.exit(failed ? 1 : 0);
}

async function cleanUp() {
  await Promise.allSettled([...browsers].map((b) => b.close())); // before its profile goes
  for (const p of running) p.kill("SIGKILL");
  rmSync(WORK, { recursive: true, force: true, maxRetries: 5 });
}
