// SPDX-License-Identifier: Apache-2.0
// The page as a person sees it against the API's answers and the known input. TAP on stdout.
import { join } from "node:path";
import { browse, Controller, main, ok, same, SHOTS, step } from "./harness.mjs";
import { alerts, blocked, burst, MANIFESTS, navigation, nothingYet, policies } from "./rules.mjs";
import { accessible, bars, big, figure, iso, latency, loaded, text, wider } from "./seen.mjs";
import { fresh, groups, HOSTILE_NAMES, HOSTILE_POD, LONG_NAME, RTL_NAMESPACE, stopped, sums, world } from "./world.mjs";

const MINUTE = 60_000_000;

/** An hour ago, on a bucket's border, so that the whole range is over. */
const w = world(Math.floor((Date.now() * 1000 - 75 * MINUTE) / (15 * MINUTE)) * 15 * MINUTE);
const range = { from: iso(w.from_us), to: iso(w.to_us) };
const controller = new Controller();
const urlOf = (more = {}) => `${controller.url}/?${new URLSearchParams({ ...more, ...range })}`;

async function open(page, more) {
  await page.goto(urlOf(more));
  await loaded(page);
}

async function table(page, id) {
  await page.locator(`#${id} .legend button`).click();
  const got = await page.locator(`#${id} .chart-table table`).evaluate((t) => [...t.rows].map((r) => [...r.cells].map((c) => c.textContent)));
  await page.locator(`#${id} .legend button`).click();
  return got;
}

const search = w.log.filter((r) => r.scope === "search" && !stopped(r)), denied = w.log.filter(stopped);
const real = w.log.filter((r) => r.scope !== "search" && !stopped(r)); // what has an outcome of DNS
const total = sums(w.log);

async function totals(page) {
  const api = (await controller.get("summary", range)).sums;
  const named = ["count", "queries", "replies", "unanswered", "blocked", "blocked_unanswered", "retries", "bytes_out", "bytes_in"];
  same(named.map((k) => api[k]), named.map((k) => total[k]), "the API's totals are the known input");
  same([await big(page, "tile-queries"), await big(page, "tile-replies"), await big(page, "tile-unanswered")],
    [figure(total.queries), figure(total.replies), figure(total.unanswered - total.blocked_unanswered)], "totals of queries, replies and no answer are the known input");
  same(await text(page, "#tile-unanswered .sub"), `${(100 * (total.unanswered - total.blocked_unanswered) / (total.count - total.blocked)).toFixed(1)} % of ${figure(total.count - total.blocked)}`,
    "no answer is a share of what went to a server");
  ok(w.log.some((r) => r.scope === "search" && stopped(r)), "of the search list's names a policy stopped some");
  same([await big(page, "tile-search"), await text(page, "#tile-search .sub")],
    [figure(sums(search).count), `${(100 * sums(search).count / (total.count - total.blocked)).toFixed(1)} % of ${figure(total.count - total.blocked)}`],
    "search-list misses are the others, as in the panel of outcomes");
  same(await big(page, "tile-latency"), latency(total.mean), "mean latency is shown in human units");
  same(await text(page, "#tile-latency .sub"), `min ${latency(total.min)} max ${latency(total.max)}`, "shortest and longest latency are shown");
  same([await big(page, "tile-percentiles"), await text(page, "#tile-percentiles .sub")],
    [`≤ ${latency(api.latency.p95)}`, `p50 ${latency(api.latency.p50)} p99 ${latency(api.latency.p99)}`], "percentiles are the API's");
  const kib = (n) => `${(n / 1024).toFixed(n >= 100 * 1024 ? 0 : 1)} KiB`;
  same([await big(page, "tile-bytes"), await text(page, "#tile-bytes .sub")], [kib(total.bytes_in), `out ${kib(total.bytes_out)}`], "bytes in and out are the known input");
  ok((await page.locator("#tile-queries .least").count()) === 1, "figures that lost packets touch are marked as \"at least\"");
}

async function strip(page) {
  const words = await text(page, ".strip");
  ok(words.includes("Coverage 14/15 pods on 1 node"), "the strip says how many pods are covered", words);
  ok(/214 of [\d,.k]+ packets \(.*\) not in the log: 200 buffer full, 14 agent restarted/.test(words), "the strip says what was lost and why", words);
  ok(words.includes("data to ") && words.includes("UTC"), "the strip says how new the newest record is, and the zone", words);
}

async function lists(page) {
  const by = (list, key, of = (r) => r.queries) => [...groups(list, key, of)];
  const codes = by(real, (r) => r.rcode, (r) => r.count).map(([k, n]) => [k || "no answer", figure(n)]);
  same((await bars(page, "codes")).map((b) => [b.label[0].replace(/^\W+/, ""), b.figure]), [...codes, ["search-list misses", figure(sums(search).count)], ["blocked", figure(total.blocked)]],
    "by response code: each code, no answer, search-list misses apart, and so what policies blocked");
  ok(sums(denied.filter((r) => r.rcode === "NXDOMAIN")).count > 0, "of which some are NXDOMAIN in the log");
  same((await bars(page, "types")).map((b) => [b.label[0], b.figure]), by(w.log, (r) => r.qtype).map(([k, n]) => [k, figure(n)]), "by record type is the known input");
  const domains = by(w.log.filter((r) => r.scope === "external"), (r) => r.domain);
  const shown = await bars(page, "domains");
  same(shown.map((b) => b.figure), domains.slice(0, 10).map(([, n]) => figure(n)), "the ten largest external domains have their numbers");
  same(new Map(shown.slice(0, 3).map((b) => [b.label[0], b.figure])), new Map(domains.slice(0, 3).map(([k, n]) => [k, figure(n)])), "the largest external domains are the known input");
  ok(shown.length === 10 && !shown.some((b) => /cluster\.local|svc|arpa/.test(b.label.join())), "no internal name is among the external domains", shown);
  const who = by(w.log, (r) => JSON.stringify([r.client_namespace, r.client_name])).slice(0, 3).map(([k, n]) => [...JSON.parse(k), figure(n)]);
  same((await bars(page, "clients")).slice(0, 3).map((b) => [...b.label, b.figure]), who, "who asks: namespace and pod with their numbers");
  same((await bars(page, "servers")).map((b) => [b.label[0], b.figure]), by(w.log, (r) => r.server.ip).map(([k, n]) => [k, figure(n)]), "which servers are asked is the known input");
  ok((await text(page, "#servers")).includes("kube-system/kube-dns"), "a server's Service is named beside its address");
  const bytes = (r) => r.bytes_out + r.bytes_in;
  const most = by(w.log, (r) => r.client_name, bytes)[0][0], mine = sums(w.log.filter((r) => r.client_name === most));
  same((await bars(page, "traffic"))[0].title, `${figure(mine.bytes_out)} octets out, ${figure(mine.bytes_in)} in`, "bytes by pod: the first is the known input to the octet");
}

async function charts(page) {
  const step_us = 15_000_000;
  const perBucket = (list, of) => {
    const n = Array(60).fill(0);
    for (const r of list) n[Math.floor((r.start_us - w.from_us) / step_us)] += of(r);
    return n.map(figure);
  };
  const column = (rows, name) => rows.slice(1).map((r) => r[rows[0].indexOf(name)]);
  const outcome = await table(page, "outcome");
  for (const code of ["NOERROR", "NXDOMAIN", "SERVFAIL"])
    same(column(outcome, code), perBucket(real.filter((r) => r.rcode === code), (r) => r.count), `outcome over time: ${code} per bucket is the known input`);
  same(column(outcome, "no answer"), perBucket(real, (r) => r.unanswered), "outcome over time: no answer per bucket is the known input");
  same(column(outcome, "search-list misses"), perBucket(search, (r) => r.count), "outcome over time: search-list misses apart");
  same(column(outcome, "blocked"), perBucket(denied, (r) => r.count), "outcome over time: what policies blocked apart, not among NXDOMAIN");
  const lost = column(outcome, "not in the log").map(Number);
  same([lost[Math.floor(400 / 15)], lost[Math.floor(860 / 15)], lost.reduce((a, b) => a + b)], [200, 14, 214], "lost packets stand at their time");
  ok((await page.locator("#outcome .loss-marks .rug").count()) === 2, "buckets that lost packets are marked in the chart");
  const scopes = await table(page, "scopes");
  same(column(scopes, "external"), perBucket(w.log.filter((r) => r.scope === "external"), (r) => r.queries), "internal and external over time is the known input");
  const seen = await table(page, "latency");
  const api = (await controller.get("timeseries", { ...range, buckets: 60 })).series[0].points;
  same(column(seen, "longest"), api.map((p) => p.latency_max === null ? "–" : latency(p.latency_max)), "latency over time is the API's");
  const bad = seen.flat().filter((c) => /NaN|Infinity|undefined|^-/.test(c));
  same(bad, [], "no figure is negative or not a number");
}

async function log(page) {
  const first = await controller.get("logs", { ...range, limit: 100 });
  const shown = await page.locator("table.log tbody tr:not(.gap)").evaluateAll((all) => all.map((tr) => [tr.dataset.row, tr.querySelector(".c-name a").textContent, tr.querySelector(".c-type").textContent]));
  same(shown, first.rows.map((r) => [r.row, r.record.qname, r.record.qtype]), "the log's first page holds the API's rows in order");
  const tails = await page.locator("table.log .c-name .tail").evaluateAll((all) => all.map((t) => [t.textContent, t.scrollWidth <= t.clientWidth]));
  ok(tails.some(([t]) => t === ".registrable-domain.example") && tails.every(([, whole]) => whole), "a long name, also under a search list, keeps its registrable domain", tails);
  const gap = page.locator("table.log tr.gap");
  ok((await gap.count()) === 1 && (await gap.textContent()).includes("14 packets of shop/web-5c9d8f7b6-k1l2m on node-1"), "a gap stands between the rows, with pod and number");
  for (let pages = 0; pages < 20 && await page.locator("#load-more").count(); pages++) {
    const before = await page.locator("table.log tbody tr").count();
    await page.locator("#load-more").click();
    await page.waitForFunction((n) => document.querySelectorAll("table.log tbody tr").length > n, before);
  }
  same(await page.locator("table.log tbody tr:not(.gap)").count(), w.log.length, "\"Load more\" brings every row of the range once");
  same(await gap.count(), 2, "every gap of the range is shown");
  const unanswered = page.locator("table.log tbody tr", { hasText: "silent.example.net" }).first();
  const cells = await unanswered.locator("td").allInnerTexts();
  ok(cells[4].includes("no answer") && cells[5] === "–", "an unanswered row says so, without a latency", cells);
}

async function filter(page) {
  const q = "rcode = NXDOMAIN AND scope != search";
  await page.locator("#filter").click();
  await page.keyboard.type(q);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.waitForFunction((want) => new URL(location.href).searchParams.get("q") === want, q);
  await loaded(page);
  const want = sums(w.log.filter((r) => r.rcode === "NXDOMAIN" && r.scope !== "search"));
  await page.waitForFunction((n) => document.querySelector("#tile-queries .big").textContent.replace("*", "") === n, figure(want.queries));
  ok(true, "a filter typed by keyboard is in the URL and in the totals");
  same(await bars(page, "codes").then((b) => b.map((x) => x.figure)), [figure(want.count - want.blocked), figure(want.blocked)], "and in the panels, where denied ones stand apart");
  ok((await text(page, "#strip-loss")).includes("214"), "lost packets are not hidden by a filter that could not know them");
  await page.goBack();
  await page.waitForFunction((n) => document.querySelector("#tile-queries .big").textContent.replace("*", "") === n, figure(total.queries));
  ok(await page.inputValue("#filter") === "", "Back restores the filter before and its figures");
}

async function mistake(page) {
  await page.locator("#filter").fill("rtype = A AND client_namespace = shop");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.locator(".mistake").waitFor();
  same(await page.locator(".wrong").textContent(), "rtype", "a wrong field is underlined at its place");
  ok((await text(page, ".mistake")).startsWith("Character 1:"), "and its position is said in words", await text(page, ".mistake"));
  const before = await page.locator(".wrong").boundingBox(), box = await page.locator("#filter").boundingBox();
  ok(before.x > box.x && before.x < box.x + 20, "the line is under the word itself", before);
  ok(await big(page, "tile-queries") === figure(total.queries), "the figures before it stay");
  await page.locator(".mistake button").click();
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "qtype = A AND client_namespace = shop");
  await loaded(page);
  ok(true, "the suggestion is one click");
  await page.locator("#filter").fill("client_namespace = shöp AND rcode =");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.locator(".mistake").waitFor();
  same(await page.locator(".wrong").evaluate((m) => m.previousSibling?.textContent ?? ""), "client_namespace = shöp AND rcode =", "a position behind letters of two octets is right");
}

async function completion(page) {
  await page.locator("#filter").fill("");
  await page.keyboard.type("client_names");
  await page.keyboard.press("Tab");
  await page.keyboard.type("= ");
  const option = page.locator("#filter-list [role=option]", { hasText: "batch" });
  await option.waitFor();
  const names = await page.locator("#filter-list [role=option] .what").allInnerTexts();
  ok(names.includes("shop") && names.includes("dev"), "completion offers the values of this range", names);
  await page.keyboard.type("ba");
  await page.keyboard.press("ArrowDown");
  same(await page.getAttribute("#filter", "aria-activedescendant"), "filter-option-0", "the arrow keys move in the list");
  await page.keyboard.press("Enter");
  same((await page.inputValue("#filter")).trim(), "client_namespace = batch", "a filter is written by keys and completion alone");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.waitForFunction((n) => document.querySelector("#tile-queries .big").textContent.replace("*", "") === n, figure(sums(w.log.filter((r) => r.client_namespace === "batch")).queries));
  ok(true, "and applied by Enter");
}

async function clicks(page) {
  await page.locator("#types .bars a", { hasText: /^AAAA$/ }).click();
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "qtype = AAAA");
  await page.goBack();
  await page.waitForFunction(() => !new URL(location.href).searchParams.has("q"));
  await page.goto(urlOf({ q: "qtype = AAAA" }));
  await loaded(page);
  const aaaa = figure(sums(w.log.filter((r) => r.qtype === "AAAA")).queries);
  same(await big(page, "tile-queries"), aaaa, "a click on a value filters; the URL alone brings the same figures again");
  await page.locator("#domains .bars a", { hasText: "stripe.com" }).click();
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "qtype = AAAA AND domain = stripe.com");
  await page.reload();
  await loaded(page);
  same(await page.inputValue("#filter"), "qtype = AAAA AND domain = stripe.com", "a second click adds a term; reload keeps it");
  await page.locator(".chips a").first().click();
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "domain = stripe.com");
  await page.goBack();
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "qtype = AAAA AND domain = stripe.com");
  ok(true, "a term is removed by its chip, and Back brings it back");
  await open(page, {});
  const chart = await page.locator("#outcome .plot").boundingBox();
  await page.mouse.move(chart.x + 100, chart.y + 60);
  await page.mouse.down();
  await page.mouse.move(chart.x + 200, chart.y + 60, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction((from) => new URL(location.href).searchParams.get("from") !== from, range.from);
  ok(true, "a drag on a chart chooses its time");
  await page.goBack();
  await page.waitForFunction((from) => new URL(location.href).searchParams.get("from") === from, range.from);
  ok(true, "and Back undoes it");
}

async function detail(page) {
  await open(page, { q: "qname = \"api.stripe.com\" AND qtype = A" });
  const row = page.locator("table.log tbody tr:not(.gap)").first();
  await row.locator(".c-lat").click();
  await page.locator(".detail").waitFor();
  const words = await text(page, ".detail");
  for (const word of ["client_uid", "00000000-0000-4000-8000-", "54.187.119.243", "latency_histogram", "kube-system/kube-dns", "bytes_in"])
    ok(words.includes(word), `the detail has ${word}`);
  await page.reload();
  await page.locator(".detail").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction((id) => document.querySelector("tr.open")?.dataset.row && document.querySelector("tr.open").dataset.row !== id, await row.getAttribute("data-row"));
  ok(true, "the open row is in the URL, and the arrow keys walk on");
  await page.keyboard.press("Escape");
  await page.locator(".detail").waitFor({ state: "detached" });
  ok(await page.evaluate(() => document.activeElement?.classList.contains("time")), "Escape closes it and the keyboard is back on the row");
}

async function hostile(page) {
  const look = async (q) => { await open(page, { q }); return page.locator("table.log tbody tr:not(.gap)").evaluateAll((all) => all.map((tr) => [tr.querySelector(".c-client").textContent, tr.querySelector(".c-name").textContent])); };
  const rows = await look("qtype = TXT");
  same(new Set(rows.map((r) => r[1])), new Set(HOSTILE_NAMES), "hostile names are shown letter by letter");
  same(new Set(rows.map((r) => r[0])), new Set([`dev/${HOSTILE_POD}`, `${RTL_NAMESPACE.replace("\u202e", "\\u{202e}")}/musl`]), "a name that would turn the text round shows its mark");
  ok((await page.evaluate(() => document.querySelectorAll("script:not([src]), img, b[onmouseover]").length)) === 0, "no name became markup");
  ok((await page.evaluate(() => window.owned)) === undefined, "no name became code");
  for (const name of HOSTILE_NAMES) {
    await open(page, { q: "qtype = TXT" });
    await page.locator("table.log .c-name a").filter({ has: page.locator(`bdi[title="${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"]`) }).first().click();
    await page.waitForFunction((q) => new URL(location.href).searchParams.get("q") !== q, "qtype = TXT");
    await loaded(page);
    await page.waitForFunction(() => document.querySelectorAll("table.log tbody tr:not(.gap)").length === 1);
    ok(true, `a click on ${name.slice(0, 30)} finds its row and no other`);
  }
  await open(page, {});
  await page.locator("#clients a", { hasText: HOSTILE_POD }).click();
  await page.waitForFunction((n) => document.querySelector("#tile-queries .big")?.textContent.replace("*", "") === n, figure(sums(w.log.filter((r) => r.client_name === HOSTILE_POD)).queries));
  ok(true, "a click on a pod's hostile name finds its rows");
  ok(LONG_NAME.length === 253, "the longest name has 253 octets");
}

async function states(page) {
  await page.goto(`${controller.url}/?${new URLSearchParams({ from: iso(w.from_us - 100 * MINUTE), to: iso(w.from_us - 90 * MINUTE) })}`);
  await loaded(page);
  ok((await text(page, "#log")).includes("No row matches in this range."), "an empty range says so in words");
  await open(page, { q: "qname = nowhere.example" });
  await page.locator("#log button", { hasText: "Remove the filter" }).click();
  await page.waitForFunction(() => !new URL(location.href).searchParams.has("q"));
  ok(true, "an empty result offers to remove the filter");
  await page.goto(`${controller.url}/?${new URLSearchParams({ from: "2001-01-01T00:00:00Z", to: range.to })}`);
  await page.locator("#outcome .error").waitFor();
  ok((await text(page, "#outcome .error")).includes("2000 days"), "a panel whose call fails shows the problem", await text(page, "#outcome"));
  same(await big(page, "tile-queries"), figure(total.queries), "and the others live on");
  ok((await page.locator("#outcome .error button").count()) === 1, "with a button to try again");
}

/** On a store of its own, so that it need not wait for the others, nor they for it. */
async function live() {
  const controller = new Controller();
  await controller.start();
  const { context, page, asked } = await browse();
  await page.goto(controller.url);
  await loaded(page);
  await page.mouse.move(5, 5);
  const now = () => Date.now() * 1000;
  await controller.send(fresh(w.pods[0], now(), 1, 7));
  await page.waitForFunction(() => document.querySelector("#tile-queries .big")?.textContent.trim() === "7", null, { timeout: 60_000 });
  ok(true, "new records appear without a reload");
  const first = await page.locator("table.log tbody tr").first().getAttribute("data-row");
  await page.locator("table.log tbody tr").first().hover();
  await controller.send(fresh(w.pods[1], now(), 2, 5));
  await page.locator(".pending button").waitFor({ timeout: 60_000 });
  same([await page.locator("table.log tbody tr").first().getAttribute("data-row"), (await text(page, ".pending")).startsWith("5 new rows")], [first, true], "no row moves under the pointer; the new ones are counted");
  await page.locator(".pending button").click();
  await page.waitForFunction(() => document.querySelectorAll("table.log tbody tr").length === 12);
  ok(true, "and shown on demand");
  await controller.stop();
  await page.locator("#strip-offline").waitFor({ timeout: 60_000 });
  same([(await text(page, "#strip-offline")).includes("Connection lost"), await big(page, "tile-queries")], [true, "12"], "a dead controller is said in the strip; the figures stay");
  await controller.start();
  await page.locator("#strip-offline").waitFor({ state: "detached", timeout: 60_000 });
  ok(true, "and the page finds back by itself");
  same(asked.filter((u) => !u.startsWith(controller.url)), [], "nothing but our own origin is asked while it is gone");
  await context.close();
  await controller.stop();
}

async function routes(page, colorScheme) {
  for (const name of ["alerts", "policies"]) for (const [width, height] of [[390, 844], [1280, 900], [1920, 1080]]) {
    await page.setViewportSize({ width, height });
    await page.goto(`${controller.url}/${name}?${new URLSearchParams(range)}`);
    await loaded(page);
    await page.locator(".things").first().waitFor();
    await page.screenshot({ path: join(SHOTS, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    same(await wider(page), 0, `nothing of ${name} is wider than ${width} px, ${colorScheme}`);
    if (width !== 1920) await accessible(page, `${name}, ${width} px, ${colorScheme}`);
  }
}

/** One theme: widths, pictures, accessibility with everything open. */
async function theme(colorScheme) {
  const { context, page, said, asked } = await browse({ colorScheme, reducedMotion: "reduce" });
  for (const [width, height] of [[390, 844], [1280, 900], [1920, 1080]]) {
    await page.setViewportSize({ width, height });
    await open(page, {});
    await page.screenshot({ path: join(SHOTS, `overview-${width}-${colorScheme}.png`), fullPage: width > 390 });
    same(await wider(page), 0, `nothing is wider than ${width} px, ${colorScheme}`);
    await page.locator("table.log tbody tr:not(.gap) .c-time a").nth(1).click();
    await page.locator(".detail").waitFor();
    await page.screenshot({ path: join(SHOTS, `detail-${width}-${colorScheme}.png`) });
    if (width === 390) await accessible(page, `detail, ${width} px, ${colorScheme}`);
  }
  await routes(page, colorScheme);
  await page.setViewportSize({ width: 1280, height: 900 });
  await open(page, {});
  await accessible(page, `overview, ${colorScheme}`);
  await page.locator("#filter").fill("client_namespace = ");
  await page.locator("#filter-list [role=option]", { hasText: "shop" }).first().waitFor();
  await page.screenshot({ path: join(SHOTS, `completion-1280-${colorScheme}.png`) });
  await accessible(page, `completion open, ${colorScheme}`, ".top");
  await page.locator("#filter").fill("rtype = A");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.locator(".mistake").waitFor();
  await page.screenshot({ path: join(SHOTS, `mistake-1280-${colorScheme}.png`) });
  await accessible(page, `a mistake in the filter, ${colorScheme}`, ".top");
  await page.keyboard.press("Escape");
  await page.locator("#strip-coverage").click();
  await page.locator(".sheet", { hasText: "no such device" }).waitFor();
  const gap = await page.locator("#coverage-gaps li").allTextContents();
  same(gap.length === 1 && /\.200 – \d\d:\d\d:\d\d\.900 UTC: our program was removed by another program$/.test(gap[0]), true,
    `a gap in coverage is told with its times, ${colorScheme}: ${gap}`);
  const excluded = await page.locator("#coverage-excluded li").allTextContents();
  same(excluded, ["dev/left-alone on node-1: namespace dev is excluded"], `a pod that is left alone is told apart, ${colorScheme}`);
  const oneEnded = await page.locator("#coverage-servers li").allTextContents();
  same(oneEnded, ["10.96.0.10: whose address it is cannot be said: Service or Node objects are not there"], `a DNS server of which one end is seen is named, ${colorScheme}`);
  await page.screenshot({ path: join(SHOTS, `coverage-1280-${colorScheme}.png`) });
  await accessible(page, `coverage open, ${colorScheme}`, ".sheet");
  await page.setViewportSize({ width: 320, height: 700 });
  await open(page, {});
  same(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `no sideways scroll at 320 px, ${colorScheme}`);
  same(said.filter((s) => !s.includes("400 (Bad Request)")), [], `the console is empty, ${colorScheme}`);
  same(asked.filter((u) => !u.startsWith(controller.url)), [], `nothing but our own origin is asked, ${colorScheme}`);
  await context.close();
}

async function still(page) {
  await page.addInitScript(() => {
    globalThis.moved = 0;
    new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) globalThis.moved += e.value; }).observe({ type: "layout-shift", buffered: true });
  });
  await open(page, {});
  await page.waitForTimeout(200);
  const moved = await page.evaluate(() => globalThis.moved);
  ok(moved < 0.02, "the frame does not move between loading and loaded", moved);
}

async function policy(page) {
  const r = await page.goto(controller.url);
  const csp = r.headers()["content-security-policy"] ?? "";
  ok(csp.includes("default-src 'none'") && !csp.includes("unsafe"), "the Content-Security-Policy has no unsafe-*", csp);
  const types = await page.evaluate(async () => Promise.all([...document.querySelectorAll("link[rel=stylesheet], script")].map(async (e) => {
    const x = await fetch(e.href ?? e.src);
    return [x.status, x.headers.get("cache-control")?.includes("immutable")];
  })));
  same(types, [[200, true], [200, true]], "script and style are served from the binary, for ever");
}

await main(async () => {
  await controller.start();
  const empty = await browse();
  await empty.page.goto(controller.url);
  await loaded(empty.page);
  ok((await text(empty.page, "#outcome")).includes("No record yet."), "a fresh install says that nothing came yet");
  await empty.page.screenshot({ path: join(SHOTS, "empty-1280-light.png") });
  await nothingYet(empty.page, controller.url);
  await empty.context.close();
  for (const [name, object] of Object.entries(MANIFESTS)) controller.put(name, object);
  await controller.send(w.batch);
  await controller.send({ ...w.batch, seq: 2, records: burst(w.pods[2], Date.now() * 1000), endpoints: [] });
  const aside = step("live", live);
  const { context, page, said, asked } = await browse();
  const steps = { still, totals, strip, lists, charts, log, filter, mistake, completion, clicks, detail, hostile, states, policy,
    blocked: () => blocked(page, w, range, controller.url), policies: () => policies(page, w, range, controller.url, controller),
    navigation: () => navigation(page, range, controller.url), alerts: () => alerts(page, w, controller, controller.url) };
  for (const [name, run] of Object.entries(steps)) {
    await step(name, async () => { if (!["states", "policy", "still"].includes(name)) await open(page, {}); await run(page); });
  }
  same(said.filter((s) => !s.includes("400 (Bad Request)")), [], "the console is empty");
  same(asked.filter((u) => !u.startsWith(controller.url)), [], "nothing but our own origin is asked");
  await context.close();
  await aside;
  await step("light", () => theme("light"));
  await step("dark", () => theme("dark"));
  await controller.stop();
});
