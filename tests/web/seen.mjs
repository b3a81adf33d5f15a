// SPDX-License-Identifier: Apache-2.0
// What a person sees on the page, read from it: figures, bars, tables; and what axe thinks of it.
import { readFileSync } from "node:fs";
import { AXE, same } from "./harness.mjs";

export const iso = (us) => new Date(us / 1000).toISOString();
export const figure = (n) => n.toLocaleString("en");

/** Latency in three figures, written here a second time on purpose. */
export function latency(ns) {
  const [v, unit] = ns < 1e6 ? [ns / 1e3, "µs"] : ns < 1e9 ? [ns / 1e6, "ms"] : [ns / 1e9, "s"];
  return `${v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2)} ${unit}`;
}

export const loaded = (page) => page.waitForFunction(() => !document.querySelector(".skeleton") && document.querySelector("#strip-coverage") && !document.querySelector(".spin"));

export const text = async (page, selector) => (await page.locator(selector).innerText()).trim();
export const big = async (page, id) => (await text(page, `#${id} .big`)).replace("*", "");

/** Rows of a list panel: label as written, figure as shown, tooltip. */
export const bars = (page, id) => page.locator(`#${id} .bars > li:not(.more)`).evaluateAll((all) => all.map((li) => ({
  label: [...li.querySelectorAll(".label a")].map((a) => a.textContent), figure: li.querySelector(".figure").textContent, title: li.title })));

/** Cells of a table of things, by the words of its head. */
export const things = (page, id) => page.locator(`#${id} tbody tr`).evaluateAll((all) => all.map((tr) =>
  Object.fromEntries([...tr.cells].map((td) => [td.dataset.head, td.innerText.trim()]))));

export const wider = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** The whole page, or what is inside something: a page of 100 rows takes axe seconds. */
export async function accessible(page, where, inside = "html") {
  await page.evaluate(readFileSync(AXE, "utf8"));
  const found = await page.evaluate((of) => globalThis.axe.run(of, { resultTypes: ["violations"] }), inside);
  const bad = found.violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(" ")} ${n.failureSummary.split("\n").slice(1, 2)}`).slice(0, 4).join(" | ")}`);
  same(bad, [], `axe finds nothing serious: ${where}`);
}
