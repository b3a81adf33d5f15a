#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Builds the page: node build.mjs --out DIR --c FILE. Checks types and house rules first; then
// bundles, names files by their digest, writes them to DIR and, packed, into a C file for the
// controller (api/http/assets.h). The same sources give the same bytes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const GZIP_BYTES_MAX = 180 * 1024; // the page's budget: first view on a slow line within a second

function fail(why) {
  console.error(`build.mjs: ${why}`);
  process.exit(1);
}

function args() {
  const given = {};
  for (let i = 2; i < process.argv.length; i += 2) given[process.argv[i]] = process.argv[i + 1];
  if (!given["--out"] || !given["--c"]) fail("usage: node build.mjs --out DIR --c FILE");
  return { out: given["--out"], c: given["--c"] };
}

function checkTypes() {
  try {
    execFileSync(process.execPath, [join(HERE, "node_modules/typescript/bin/tsc"), "--noEmit", "-p", HERE], { stdio: "pipe" });
  } catch (e) {
    fail(`type errors\n${e.stdout ?? ""}${e.stderr ?? ""}`);
  }
}

// Names come from the network: nothing may turn a string into markup, code or a style attribute.
const BANNED = /\b(innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|eval\(|new Function|srcdoc|setAttribute\(\s*["']style)/;

function checkRules() {
  for (const name of readdirSync(join(HERE, "src"))) {
    readFileSync(join(HERE, "src", name), "utf8").split("\n").forEach((line, i) => {
      const found = BANNED.exec(line);
      if (found) fail(`src/${name}:${i + 1}: ${found[1]} is not allowed`);
      if (/https?:\/\//.test(line) && !/www\.w3\.org/.test(line)) fail(`src/${name}:${i + 1}: a foreign address`);
    });
  }
}

const digest = (data) => createHash("sha256").update(data).digest("hex").slice(0, 16);

async function bundle() {
  const result = await build({
    absWorkingDir: HERE, entryPoints: ["src/main.tsx"], bundle: true, minify: true, write: false,
    outdir: "out", format: "esm", target: ["es2022"], legalComments: "none", charset: "utf8",
    jsx: "automatic", jsxImportSource: "preact", logLevel: "warning",
  });
  return Object.fromEntries(result.outputFiles.map((f) => [f.path.endsWith(".css") ? "css" : "js", Buffer.from(f.contents)]));
}

function files({ js, css }) {
  const icon = readFileSync(join(HERE, "icon.svg"));
  const named = [["js", js, "text/javascript; charset=utf-8"], ["css", css, "text/css; charset=utf-8"], ["svg", icon, "image/svg+xml"]]
    .map(([ext, data, type]) => ({ path: `/assets/nametap-${digest(data)}.${ext}`, type, data, immutable: true }));
  const html = named.reduce((t, f, i) => t.replace(["@JS@", "@CSS@", "@ICON@"][i], f.path),
    readFileSync(join(HERE, "index.html"), "utf8"));
  return [{ path: "/index.html", type: "text/html; charset=utf-8", data: Buffer.from(html), immutable: false }, ...named];
}

/** Level 9; the header's time is zero and its system "unknown", so that the bytes do not depend on the machine. */
function pack(data) {
  const gz = gzipSync(data, { level: 9 });
  gz.fill(0, 4, 8);
  gz[9] = 255;
  return gz;
}

function cSource(list) {
  const bytes = (data) => {
    const lines = [];
    for (let i = 0; i < data.length; i += 20) lines.push("\t" + [...data.subarray(i, i + 20)].join(","));
    return lines.join(",\n");
  };
  const data = list.map((f, i) => `static const unsigned char data_${i}[] = {\n${bytes(f.packed)}\n};\n`);
  const rows = list.map((f, i) => `\t{ .path = "${f.path}", .type = "${f.type}", .etag = "\\"${digest(f.data)}\\"",\n` +
    `\t  .data = data_${i}, .len = sizeof(data_${i}), .gzip = true, .immutable = ${f.immutable} },`);
  return `/* SPDX-License-Identifier: Apache-2.0 */
/* The page's files; written by api/web/build.mjs, not by hand. */
#include "api/http/assets.h"

${data.join("\n")}
const struct nt_asset nt_assets[] = {
${rows.join("\n")}
};
const size_t nt_assets_len = sizeof(nt_assets) / sizeof(nt_assets[0]);
`;
}

const { out, c } = args();
checkTypes();
checkRules();
const list = files(await bundle()).map((f) => ({ ...f, packed: pack(f.data) }));
const total = list.reduce((n, f) => n + f.packed.length, 0);
if (total > GZIP_BYTES_MAX) fail(`${total} octets packed, ${GZIP_BYTES_MAX} at most`);
rmSync(join(out, "assets"), { recursive: true, force: true }); // those of the build before
for (const f of list) {
  mkdirSync(dirname(join(out, f.path)), { recursive: true });
  writeFileSync(join(out, f.path), f.data);
}
mkdirSync(dirname(c), { recursive: true });
writeFileSync(c, cSource(list));
