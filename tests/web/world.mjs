// SPDX-License-Identifier: Apache-2.0
// The known input: what a few pods asked in one quarter of an hour, and what that adds up to. The sums
// are made here, from the rows, by no code of the product.

const SECOND = 1_000_000; // µs
export const LONG_NAME = [63, 63, 63, 41].map((n, i) => String.fromCharCode(97 + i).repeat(n)).join(".") + ".long-domain.example";
const LONG_HOST = "a-rather-long-host-name-of-a-shard-17.eu-central-1.registrable-domain.example";
export const HOSTILE_POD = `<script>window.owned=1</script>"'&`;
export const RTL_NAMESPACE = "ab\u202egnp.exe";
export const HOSTILE_NAMES = [
  "<img\\032src=x\\032onerror=window.owned=1>.evil.example", "nul\\000byte.example.org", "quote\\034'`$(id).example.org",
  "\\226\\128\\174rtl.example.org", LONG_NAME,
];

const POD_LIST = [["shop", "cart-6f7d9c8b5-x2k4p"], ["shop", "web-5c9d8f7b6-k1l2m"], ["batch", "report-28391-zz9"],
  ["observability-and-monitoring-of-the-shop", "prometheus-k8s-0"], ["dev", HOSTILE_POD], [RTL_NAMESPACE, "musl"],
  ...Array.from({ length: 8 }, (_, i) => ["crowd", `idle-${i}`])];
const SERVERS = [{ ip: "10.96.0.10", name: "-", name_aggr: "pvt", service: "kube-system/kube-dns" },
  { ip: "fd00:10:96::a", name: "-", name_aggr: "pvt", service: "kube-system/kube-dns" },
  { ip: "9.9.9.9", name: "-", name_aggr: "pub" }];

function pods() {
  return POD_LIST.map(([namespace, name], i) => ({
    namespace, name, uid: `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`, ip: `10.244.0.${i + 10}`,
  }));
}

function row(pod, start_us, more) {
  const answered = more.rcode !== "";
  const count = more.count ?? 1;
  return {
    type: "LOG", side: "client", role: "workload", node: "node-1", start_us, end_us: start_us + 5000, count,
    queries: count + (more.retries ?? 0), replies: answered ? count : 0, unanswered: answered ? 0 : count,
    retries: 0, truncated: 0, bytes_out: 41 * count, bytes_in: answered ? 120 * count : 0,
    client_namespace: pod.namespace, client_name: pod.name, client_uid: pod.uid, client_ip: pod.ip, client_ifname: "eth0",
    server: SERVERS[0], rrsets: [], latencies: [], ...more,
  };
}

const address = (name, data) => [{ name, type: "A", ttl: 30, rdata: data }];

/** What policies made of some queries: denied ones got NXDOMAIN on their own node, audited ones went on. */
function judged(all, at, external) {
  const egress = "shop/cart-egress", audit = "shop/web-egress", out = [];
  const denied = (qname, domain, more) => external(qname, domain, { rcode: "NXDOMAIN", verdict: "deny", policy: egress, latencies: [40_000], ...more });
  for (let i = 0; i < 9; i++) out.push(row(all[0], at(600 + i * 7), denied(`t${i % 3}.evil.example`, "evil.example", { count: 1 + (i % 2) })));
  out.push(row(all[0], at(660), { ...denied("evil.example.corp.example.net", "evil.example"), scope: "search", logical_qname: "evil.example" }));
  for (let i = 0; i < 2; i++) out.push(row(all[0], at(670 + i), external("two-questions.example", "two-questions.example", { rcode: "", verdict: "unjudgeable", policy: egress })));
  for (let i = 0; i < 7; i++) out.push(row(all[1], at(610 + i * 9), external(i % 2 ? "api.segment.example" : "cdn.assets.example", i % 2 ? "segment.example" : "assets.example",
    { verdict: "audit", policy: audit, count: 3, latencies: [1_500_000, 1_500_000, 1_500_000], rrsets: address("cdn.assets.example", ["192.0.2.7"]) })));
  for (let i = 0; i < 5; i++) out.push(row(all[0], at(620 + i), external("api.stripe.com", "stripe.com", { verdict: "allow", policy: egress, latencies: [900_000] })));
  return out;
}

/** One row of every kind that panels tell apart, many times over: 15 minutes from start_us. */
function rows(all, start_us) {
  const out = [];
  const external = (qname, domain, more) => ({ qname, qtype: "A", rcode: "NOERROR", scope: "external", domain, logical_qname: qname, ...more });
  const at = (second) => start_us + second * SECOND + 123_456;
  for (let i = 0; i < 260; i++) {
    const pod = all[i % 4 === 3 ? 6 + (i % 8) : i % 3];
    const second = Math.floor(i * 3.4);
    const ns = 200_000 + (i % 40) * 250_000;
    out.push(row(pod, at(second), external("api.stripe.com", "stripe.com", {
      count: 1 + (i % 3), qtype: i % 2 ? "AAAA" : "A", latencies: Array(1 + (i % 3)).fill(ns), server: SERVERS[i % 7 ? 0 : 1],
      rrsets: i % 2 ? [] : address("api.stripe.com", ["54.187.119.242", "54.187.119.243"]) })));
    if (i % 2 === 0) out.push(row(pod, at(second), { qname: "api.stripe.com.shop.svc.cluster.local", qtype: "A", rcode: "NXDOMAIN",
      scope: "search", logical_qname: "api.stripe.com", domain: "stripe.com", latencies: [300_000] }));
    if (i % 3 === 0) out.push(row(pod, at(second), { qname: "db.shop.svc.cluster.local", qtype: "A", rcode: "NOERROR", scope: "cluster",
      logical_qname: "db.shop.svc.cluster.local", latencies: [410_000], rrsets: address("db.shop.svc.cluster.local", ["10.96.4.4"]) }));
    if (i % 20 === 0) out.push(row(pod, at(second), external("no.example.net", "example.net", { rcode: "NXDOMAIN", latencies: [2_000_000] })));
    if (i % 26 === 0) out.push(row(pod, at(second), external("broken.example.net", "example.net", { rcode: "SERVFAIL", latencies: [4_900_000_000] })));
    if (i % 52 === 0) out.push(row(pod, at(second), external("silent.example.net", "example.net", { rcode: "", retries: 2 })));
    if (i % 65 === 0) out.push(row(pod, at(second), { qname: "4.4.96.10.in-addr.arpa", qtype: "PTR", rcode: "NOERROR", scope: "reverse",
      logical_qname: "4.4.96.10.in-addr.arpa", latencies: [600_000] }));
  }
  for (let i = 0; i < 11; i++) out.push(row(all[2], at(300 + i), external(`www.site-${i}.example`, `site-${i}.example`, { qtype: "HTTPS", latencies: [9_000_000], server: SERVERS[2] })));
  out.push(...judged(all, at, external));
  out.push(row(all[3], at(878), { qname: `${LONG_HOST}.observability-and-monitoring-of-the-shop.svc.cluster.local`, qtype: "A", rcode: "NXDOMAIN",
    scope: "search", logical_qname: LONG_HOST, domain: "registrable-domain.example", latencies: [300_000] }));
  HOSTILE_NAMES.forEach((qname, i) => out.push(row(all[i % 2 ? 5 : 4], at(880 + i), external(qname, qname.split(".").slice(-2).join("."), { qtype: "TXT", latencies: [1_000_000],
    rrsets: [{ name: qname, type: "TXT", ttl: 1, rdata: [`"<b onmouseover=window.owned=1>bold</b>"`] }] }))));
  return out;
}

function lost(all, start_us) {
  const gap = (pod, second, count, reason) => ({ type: "UNLOGGED", side: "client", role: "workload", node: "node-1",
    start_us: start_us + second * SECOND, end_us: start_us + (second + 1) * SECOND, count, reason,
    client_namespace: pod.namespace, client_name: pod.name, client_uid: pod.uid, client_ip: pod.ip, client_ifname: "eth0" });
  return [gap(all[0], 400, 200, "ring_full"), gap(all[1], 860, 14, "agent_restart")];
}

function endpoints(all, start_us) {
  const ep = (p, more) => ({ state: "tapped", namespace: p.namespace, name: p.name, uid: p.uid, container_id: "c" + p.uid, since_us: start_us,
    seen: 100, logged: 100, unlogged: 0, stream: 0, ...more });
  const gap = { from_us: start_us + 60 * SECOND + 200_000, to_us: start_us + 60 * SECOND + 900_000, reason: "our program was removed by another program" };
  return [...all.map((p, i) => ep(p, i === 0 ? { gap } : {})),
    ep({ namespace: "batch", name: "report-lost", uid: "f" }, { state: "failed", reason: "attach failed: no such device" }),
    ep({ namespace: "dev", name: "left-alone", uid: "g" }, { state: "excluded", reason: "namespace dev is excluded" })];
}

const sum = (list, of) => list.reduce((n, r) => n + of(r), 0);

/** The world in [from, to): rows, and the batch that carries them. */
export function world(from_us) {
  const all = pods();
  const log = rows(all, from_us), gaps = lost(all, from_us);
  return {
    from_us, to_us: from_us + 900 * SECOND, log, gaps, pods: all,
    batch: { node: "node-1", spool: "11111111-2222-4333-8444-555555555555", seq: 1, created_us: from_us + 900 * SECOND,
      records: [...log, ...gaps], endpoints: endpoints(all, from_us) },
  };
}

/** A policy stopped it: it went to no server, and its code is the policy's. */
export const stopped = (r) => r.verdict === "deny" || r.verdict === "unjudgeable";

export function sums(list) {
  const l = list.flatMap((r) => r.latencies);
  return {
    count: sum(list, (r) => r.count), queries: sum(list, (r) => r.queries), replies: sum(list, (r) => r.replies),
    unanswered: sum(list, (r) => r.unanswered), retries: sum(list, (r) => r.retries), truncated: sum(list, (r) => r.truncated),
    blocked: sum(list.filter(stopped), (r) => r.count), blocked_unanswered: sum(list.filter(stopped), (r) => r.unanswered),
    bytes_out: sum(list, (r) => r.bytes_out), bytes_in: sum(list, (r) => r.bytes_in),
    min: Math.min(...l), max: Math.max(...l), mean: Math.floor(sum(l, (n) => n) / l.length), latencies: l.length,
  };
}

/** Groups by a text of each row, the largest first. */
export function groups(list, key, of) {
  const m = new Map();
  for (const r of list) m.set(key(r), (m.get(key(r)) ?? 0) + of(r));
  return new Map([...m].sort((a, b) => b[1] - a[1]));
}

/** A row that is asked for now, for the page that follows the present. */
export function fresh(pod, now_us, seq, n) {
  const records = Array.from({ length: n }, (_, i) => row(pod, now_us - (n - i) * 1000, { qname: `fresh-${seq}-${i}.example.com`, qtype: "A", rcode: "NOERROR",
    scope: "external", domain: "example.com", logical_qname: `fresh-${seq}-${i}.example.com`, latencies: [500_000] }));
  return { node: "node-1", spool: "11111111-2222-4333-8444-555555555555", seq, created_us: now_us, records, endpoints: [] };
}
