// SPDX-License-Identifier: Apache-2.0
// Alerts and policies as a person sees them: one good object of each kind, one that is refused, and
// what the known input makes of them.
import { ok, same } from "./harness.mjs";
import { bars, big, figure, loaded, text, things } from "./seen.mjs";
import { groups, sums, stopped } from "./world.mjs";

const object = (kind, metadata, spec) => ({ apiVersion: "nametap.io/v1alpha1", kind, metadata, spec });
const ALLOWED = ["stripe.com", "*.stripe.com", "api.github.com", "*.amazonaws.com", "example.org"];
const TXT = "qtype = TXT AND rcode = NXDOMAIN";
const LIMIT = 20;

const pod = (name, app) => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop", uid: `uid-${name}`, labels: { app } }, spec: {}, status: { podIP: "10.244.9.9" } });

export const MANIFESTS = {
  "policy-enforce": object("DNSPolicy", { name: "cart-egress", namespace: "shop" }, { podSelector: { matchLabels: { app: "cart" } }, mode: "Enforce", allow: ALLOWED }),
  "policy-audit": object("DNSPolicy", { name: "web-egress", namespace: "shop" }, { podSelector: { matchLabels: { app: "web" } }, mode: "Audit", allow: ["example.com"] }),
  "policy-broken": object("DNSPolicy", { name: "broken", namespace: "dev" }, { podSelector: {}, mode: "Enforce", allow: ["example.com", "www.*.com"] }),
  "pod-1": pod("cart-1", "cart"), "pod-2": pod("cart-2", "cart"), "pod-3": pod("web-1", "web"),
  "alert-open": object("GlobalAlert", { name: "dns.nxdomain-txt" }, { description: "a burst of names that are not there", summary: "${sum} TXT names not found by ${client_name}",
    severity: 90, dataSet: "dns", period: "1s", lookback: "30m", query: TXT, aggregateBy: ["client_namespace", "client_name"], field: "count", metric: "sum", condition: "gt", threshold: LIMIT }),
  "alert-short": object("GlobalAlert", { name: "dns.txt-now" }, { description: "TXT names not found just now", severity: 40, dataSet: "dns",
    period: "1s", lookback: "3s", query: TXT, aggregateBy: ["client_name"], metric: "count", condition: "gte", threshold: 3 }),
  "alert-broken": object("GlobalAlert", { name: "dns.broken" }, { description: "x", severity: 10, dataSet: "dns", query: "rtype = A", metric: "count", condition: "gt", threshold: 1 }),
};

/** TXT questions for names that do not exist: what makes both rules fire. */
export function burst(pod, now_us) {
  return Array.from({ length: 6 }, (_, i) => ({
    type: "LOG", side: "client", role: "workload", node: "node-1", start_us: now_us - 600_000 + i * 1000, end_us: now_us - 500_000, count: 5, queries: 5, replies: 5,
    unanswered: 0, retries: 0, truncated: 0, bytes_out: 100, bytes_in: 200, client_namespace: pod.namespace, client_name: pod.name, client_uid: pod.uid, client_ip: pod.ip,
    client_ifname: "eth0", server: { ip: "10.96.0.10" }, rrsets: [], latencies: [1000], qname: `x${i}.tunnel.example`, qtype: "TXT", rcode: "NXDOMAIN", scope: "external",
    domain: "tunnel.example", logical_qname: `x${i}.tunnel.example`,
  }));
}

export async function nothingYet(page, url) {
  await page.goto(`${url}/alerts`);
  await page.locator("#open-events .note").waitFor();
  const said = "No rule is defined: put a GlobalAlert manifest into the objects directory.";
  same([await text(page, "#open-events .note"), await text(page, "#rules .note")], [said, said], "without a rule the page says what to do");
  await page.locator(".pages a", { hasText: "Policies" }).click();
  await page.locator("#policies .note").waitFor();
  same(await text(page, "#policies .note"), "No policy is defined: put a DNSPolicy manifest into the objects directory.", "and without a policy, too");
}

const audited = (r) => r.verdict === "audit";

/** On the first page: a figure for what was blocked, the verdict in the row and in its detail. */
export async function blocked(page, w, range, url) {
  const n = { denied: sums(w.log.filter(stopped)).count, audited: sums(w.log.filter(audited)).count };
  same([await big(page, "tile-blocked"), await text(page, "#tile-blocked .sub")], [figure(n.denied), `would deny ${figure(n.audited)}`], "what policies blocked is a figure, what they would have blocked stands apart");
  await page.locator("#tile-blocked .sub a").click();
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "verdict = audit");
  await loaded(page);
  const rows = await page.locator("table.log tbody tr:not(.gap) .verdict").evaluateAll((all) => all.map((v) => [v.innerText.replace(/\s+/g, " ").trim(), v.querySelector("svg.shield:not(.full)") !== null]));
  same(new Set(rows.map(String)), new Set(["would deny shop/web-egress,true"]), "a row that would be denied has the outlined shield, the word and the policy");
  same(rows.length, w.log.filter(audited).length, "and these are all rows of that verdict");
  await page.goto(`${url}/?${new URLSearchParams({ q: "verdict = deny AND scope != search", ...range })}`);
  await loaded(page);
  const row = page.locator("table.log tbody tr:not(.gap)").first();
  same([(await row.locator(".verdict").innerText()).replace(/\s+/g, " "), await row.locator("svg.shield.full").count()], ["denied shop/cart-egress", 1], "a denied row has the crossed shield");
  await row.locator(".c-lat").click();
  same(await page.locator(".verdict-note").textContent(), " Denied by shop/cart-egress: the query went to no server, the pod was told NXDOMAIN.", "its detail says what happened in a sentence");
  await page.goto(`${url}/?${new URLSearchParams({ q: "client_namespace = batch", ...range })}`);
  await loaded(page);
  same(await page.locator("#tile-blocked").count(), 0, "where nothing was blocked there is no such figure");
}

/** Denials by pod, name and policy against the known input; deny and audit apart. */
async function denials(page, w) {
  for (const [id, which] of [["denied", stopped], ["audited", audited]]) {
    const rows = w.log.filter(which), by = (key) => groups(rows, key, (r) => r.count);
    const shown = async (panel) => new Map((await bars(page, `${id}-${panel}`)).map((b) => [b.label.join("/"), b.figure]));
    const known = (m) => new Map([...m].map(([k, n]) => [k, figure(n)]));
    same(await shown("pod"), known(by((r) => `${r.client_namespace}/${r.client_name}`)), `${id} by pod is the known input`);
    same(await shown("name"), known(by((r) => r.qname)), `${id} by name is the known input`);
    same(await shown("policy"), known(by((r) => r.policy)), `${id} by policy is the known input`);
  }
}

export async function policies(page, w, range, url, controller) {
  await page.goto(`${url}/policies?${new URLSearchParams(range)}`);
  await loaded(page);
  await page.waitForFunction(() => !document.querySelector(".policies").innerText.includes("…"));
  const api = (await controller.get("policies")).policies, shown = await things(page, "policies");
  same(shown.map((p) => p.Policy), api.map((p) => `${p.namespace}/${p.name}`), "the policies are the API's");
  const [cart, broken] = ["shop/cart-egress", "dev/broken"].map((name) => shown.find((p) => p.Policy === name));
  const denied = sums(w.log.filter(stopped)).count;
  same([cart.Mode, cart.Pods, cart.Allows, cart.Denied, cart["Would deny"], cart.State],
    ["Enforce", "2", "stripe.com, *.stripe.com, api.github.com and 2 more", figure(denied), "0", "✓ accepted"], "a policy with mode, pods, shortened list and what it denied");
  const why = api.find((p) => p.name === "broken").problem;
  ok(!!why && broken.State === `! refused: ${why.field} ${why.message}` && why.field.startsWith("spec.allow[1]"), "a refused policy says field and reason", broken, why);
  await page.locator("#policies summary").click();
  ok((await text(page, "#policies tr[data-id='shop/cart-egress']")).includes("*.amazonaws.com"), "the whole list is one click away");
  await denials(page, w);
  await page.locator("#denied-name .bars a", { hasText: "t1.evil.example" }).click();
  await page.waitForFunction(() => location.pathname === "/policies" && new URL(location.href).searchParams.get("q") === "qname = t1.evil.example");
  const one = figure(sums(w.log.filter((r) => r.qname === "t1.evil.example")).count);
  await page.waitForFunction((n) => document.querySelector("#denied-sum").innerText.startsWith(`Denied: ${n}`), one);
  await loaded(page);
  same((await bars(page, "denied-policy")).map((b) => b.figure), [one], "a click on a denied name filters, and the panels follow");
  await page.locator("#policies tr[data-id='shop/cart-egress'] td[data-head=Denied] a").click();
  await page.waitForFunction(() => location.pathname === "/");
  await page.waitForFunction((n) => document.querySelector("#tile-blocked .big")?.innerText.replace("*", "") === n, one);
  ok(true, "a figure of a policy leads to its rows");
  await page.goBack();
  await page.waitForFunction(() => location.pathname === "/policies");
}

/** Filter and range travel along; each route can be loaded by its address. */
export async function navigation(page, range, url) {
  await page.goto(`${url}/?${new URLSearchParams({ q: "qtype = AAAA", ...range })}`);
  for (const [name, path] of [["Alerts", "/alerts"], ["Policies", "/policies"], ["Overview", "/"]]) {
    await page.locator(".pages a", { hasText: name }).click();
    await page.waitForFunction((p) => location.pathname === p, path);
    const p = new URL(page.url()).searchParams;
    same([p.get("q"), p.get("from"), p.get("to")], ["qtype = AAAA", range.from, range.to], `filter and range travel to ${name}`);
    same(await page.locator(".pages a[aria-current=page]").innerText().then((t) => t.split(" ")[0]), name, `${name} is marked as where one is`);
  }
  await page.goBack();
  await page.waitForFunction(() => location.pathname === "/policies");
  await page.reload();
  await loaded(page);
  same([await page.locator("#policies").count(), await page.locator("#log").count(), await page.title()], [1, 0, "Policies · nametap"], "Back and reload keep the route");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.locator("#rules").waitFor();
  ok(true, "the keys g, a lead to the alerts");
}

async function rules(page, controller) {
  await page.locator("#rules .tested", { hasText: "self test passed" }).first().waitFor();
  const api = (await controller.get("alerts")).rules, shown = await things(page, "rules");
  same(shown.map((r) => r.Rule), api.map((r) => r.name), "the rules are the API's");
  const [good, bad] = ["dns.nxdomain-txt", "dns.broken"].map((name) => shown.find((r) => r.Rule === name));
  same([good.State, good.Severity, good["Fires when"], good.By, good["Every, over"], good.Query, good.Open],
    ["✓ accepted\nself test passed", "90", `sum of count > ${LIMIT} transactions`, "client_namespace, client_name", "1 s, 30 min", TXT, "1"], "a rule with its condition, times, query and open events");
  ok(/^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d$/.test(good["Evaluated UTC"]), "and when it was last evaluated", good);
  const why = api.find((r) => r.name === "dns.broken").problem;
  ok(!!why && bad.State === `! refused: ${why.field} ${why.message}` && why.message.includes("rtype"), "a refused rule says field and reason", bad, why);
}

const NOTE = "the \u202Eknown <b>batch</b> job, see OPS-12";

/** What the API is told stands on the page: who has seen an event, of what nobody is told. It stays, for the pictures. */
async function marks(page, controller, event, gone) {
  same(await page.locator("#suppressions, .mark").count(), 0, "nothing is marked, and there is no list of suppressions, while there are none");
  await controller.write("POST", `alerts/events/${event.id}/acknowledgement`, { by: "ann", comment: NOTE });
  await controller.write("POST", `alerts/events/${gone.id}/acknowledgement`, { by: "bob" });
  const s = await controller.write("POST", "alerts/suppressions", { rule: event.rule, group: { client_name: event.group.client_name }, until: "now+2d", reason: "moves to the new cluster", by: "ann" });
  await page.reload();
  await page.locator("#suppressions tbody tr").waitFor();
  await page.locator("#resolved-events .mark").waitFor();
  const [open] = await page.locator("#open-events .mark").allInnerTexts().then((all) => [all.map((t) => t.replace(/\s+/g, " ").trim())]);
  ok(open.length === 2 && /^✓ acknowledged by ann, \d+ (s|min) ago: the \\u\{202e\}known <b>batch<\/b> job, see OPS-12$/.test(open[0]), "an event says who has seen it, how long ago, and what he said", open);
  same(open[1], `⊘ suppressed until ${s.until.slice(0, 10)} ${s.until.slice(11, 19)}: moves to the new cluster`, "and that nobody is told, until when and why");
  ok(/^✓ acknowledged by bob, \d+ (s|min) ago$/.test(await text(page, "#resolved-events .mark")), "one that is over stays acknowledged");
  ok((await text(page, "#open-events h2")).endsWith("1 · 1 acknowledged · 1 suppressed"), "the panel's title counts them", await text(page, "#open-events h2"));
  const [row] = await things(page, "suppressions");
  same([row.Rule, row.Group, row.Reason, row.By, row["Open events"]], [event.rule, event.group.client_name, "moves to the new cluster", "ann", "1"], "the suppressions are listed", row);
}

export async function alerts(page, w, controller, url) {
  const who = w.pods[2], count = 30;
  await page.goto(`${url}/alerts`);
  await page.locator("#resolved-events tbody tr").waitFor({ timeout: 60_000 });
  await page.locator("#open-events tbody tr").waitFor();
  const api = (await controller.get("alerts/events", { state: "open" })).events;
  same([api.length, api[0].rule, api[0].value, api[0].peak], [1, "dns.nxdomain-txt", count, count], "the burst opened one event with the known sum");
  const [e] = await things(page, "open-events");
  same([e.Severity, e.Rule, e.Group.split(/\s+/), e["Last value"].split(/\s+/).join(" "), e.Peak],
    ["▲ 90", "dns.nxdomain-txt", [who.namespace, who.name], `${count} transactions > ${LIMIT} transactions`, `${count} transactions`], "an open event: severity, rule, group, value against limit, peak");
  same(e.What, api[0].summary, "and its summary");
  ok([e["First seen UTC"], e["Last seen UTC"]].every((t) => /\d\d:\d\d:\d\d$/.test(t)), "and when it was first and last seen", e);
  const [r] = await things(page, "resolved-events");
  ok(r.Rule === "dns.txt-now" && r.Group === who.name && r.Peak === `${count} transactions` && /over \d\d:\d\d:\d\d/.test(r["Last seen UTC"]), "an event whose condition has ended stands below, with its end", r);
  ok((await text(page, ".pages")).includes("Alerts 1"), "the navigation counts what is open");
  await rules(page, controller);
  await marks(page, controller, api[0], (await controller.get("alerts/events", { state: "resolved" })).events[0]);
  await page.locator("#open-events a.rows").click();
  await page.waitForFunction(() => location.pathname === "/");
  await loaded(page);
  await page.waitForFunction((n) => document.querySelector("#tile-queries .big")?.innerText.replace("*", "") === n, figure(count));
  const names = await page.locator("table.log tbody tr:not(.gap) .c-name a").allInnerTexts();
  same(new Set(names), new Set(burst(who, 0).map((x) => x.qname)), "an event leads to the rows behind it, and to no others");
}
