// SPDX-License-Identifier: Apache-2.0
// The API's answers as api/openapi.yaml has them.

export interface Range { from: string; to: string }
export interface Loss { packets: number; reasons: Record<string, number> }

export interface Latency {
  count: number;
  min: number | null; mean: number | null; max: number | null;
  p50: number | null; p95: number | null; p99: number | null;
}

export interface Sums {
  count: number; queries: number; replies: number; unanswered: number; retries: number;
  blocked: number; blocked_unanswered: number; // of count and unanswered: stopped by a policy
  nxdomain: number; servfail: number; // of count: by DNS, not by a policy
  truncated: number; bytes_out: number; bytes_in: number; latency: Latency;
}

export interface Summary {
  range: Range; exact: boolean; sums: Sums; loss: Loss;
  coverage: { tapped: number; failed: number; nodes: number };
  newest: string | null;
}

export interface Point {
  time: string; count: number; queries: number; replies: number; unanswered: number;
  blocked: number; blocked_unanswered: number;
  bytes_out: number; bytes_in: number;
  latency_min: number | null; latency_mean: number | null; latency_max: number | null;
}

export interface Timeseries {
  range: Range; exact: boolean; bucket_seconds: number; by: string | null;
  series: { key: string; points: Point[] }[];
  loss: { time: string; packets: number }[];
}

export interface Group { key: Record<string, string>; sums: Sums }
export interface Top { range: Range; exact: boolean; by: string[]; groups: Group[]; more: boolean }

export interface Server {
  ip?: string; port?: number; name?: string; name_aggr?: string; namespace?: string;
  service?: string;
}
export interface RRset {
  name?: string; type?: string; class?: string; ttl_min?: number; ttl_max?: number;
  rdata?: string[];
}

/** One row of lib/record: what does not apply is left out. */
export interface LogRecord {
  type?: string; start_time?: string; end_time?: string; count?: number; queries?: number;
  replies?: number; unanswered?: number; node?: string; client_namespace?: string;
  client_name?: string; client_ip?: string; servers?: Server[]; qname?: string; qtype?: string;
  rcode?: string; rrsets?: RRset[]; scope?: string; logical_qname?: string; domain?: string;
  latency_mean?: number; latency_max?: number; reason?: string; error?: string;
  verdict?: string; policy?: string;
  [field: string]: unknown;
}
export interface Row { row: string; record: LogRecord }
export interface Logs { range: Range; position: string; rows: Row[]; unreadable: { row: string; reason: string }[]; next_cursor: string | null }

export interface Field {
  name: string; type: string; unit: string; description: string; groupable: boolean;
  values?: string[];
}
export interface Fields { fields: Field[] }

/** RFC 9457; `query` when the filter has a mistake: offsets are octets of the UTF-8 text. */
export interface ProblemBody {
  title: string; status: number; detail?: string;
  query?: { at: number; length: number; message: string; suggestion?: string };
}

export interface Endpoint {
  node: string; state: "tapped" | "gone" | "failed" | "excluded"; namespace: string; name: string;
  hook: "tcx" | "clsact" | ""; reason: string; seen: number; logged: number; unlogged: number; stream: number;
  before_tap: number;
  since: string; origin: "add" | "adopted" | "node" | "none";
}
/** A pod that is tapped was not, or may not have been; `to` is null while it lasts. */
export interface Gap {
  node: string; namespace: string; name: string; uid: string; host_ifname: string;
  from: string; to: string | null; reason: string;
}
/** A DNS server, and which ends of its lookups are seen. */
export interface SeenServer {
  ip: string; port: number; namespace: string; name: string; service: string;
  ends: "both" | "client" | "server"; detail: string;
}
export interface Coverage {
  tapped: number; failed: number; excluded: number; gone: number;
  nodes: { node: string; last_seen: string; missing_batches: number; clock_offset: number | null; clock_off: boolean }[];
  servers: SeenServer[];
  endpoints: Endpoint[];
  gaps: Gap[];
  problems: { path: string; line: number; message: string }[];
}

/** What is wrong with an object that was refused. */
export interface Refusal { field: string; message: string }

export interface Rule {
  name: string; description: string; summary: string; severity: number; period: number;
  lookback: number; query: string; aggregate_by: string[]; field: string; metric: string;
  condition: string; threshold: number | null; type: "LOG" | "UNLOGGED"; accepted: boolean; problem: Refusal | null;
  self_test: { result: "pending" | "passed" | "failed" | "notGenerated"; message: string } | null;
  last_evaluated: string | null; open_events: number;
}
export interface Alerts { rules: Rule[] }

export interface AlertEvent {
  id: string; rule: string; group: Record<string, string>; labels: Record<string, string>; summary: string; severity: number;
  state: "open" | "resolved"; metric: string; condition: string; threshold: number; value: number;
  peak: number; first_seen: string; last_seen: string; resolved: string | null;
  query: string; from: string; to: string;
  acknowledged: { by: string; at: string; comment: string } | null;
  suppressed: { id: string; until: string } | null;
}
export interface AlertEvents { events: AlertEvent[]; more: boolean }

/** Of what nobody is told, and until when. */
export interface Suppression {
  id: string; rule: string; group: Record<string, string>; until: string; reason: string; by: string;
  created: string; events: number;
}
export interface Suppressions { suppressions: Suppression[] }

export interface Policy {
  namespace: string; name: string; mode: string; allow: string[]; accepted: boolean;
  problem: Refusal | null; pods: number;
}
export interface Policies { policies: Policy[] }
