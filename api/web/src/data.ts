// SPDX-License-Identifier: Apache-2.0
// What the panels show, one resource per call. A load asks for the summary first: its absolute
// range is what all other calls ask for, so that no two panels speak of different seconds.
import { computed, effect, signal, untracked, type Signal } from "@preact/signals";
import { get, Problem, type Params } from "./api";
import { and } from "./query";
import type { AlertEvents, Alerts, Coverage, Fields, Logs, Loss, Policies, Row, Summary, Suppressions, Timeseries, Top } from "./types";
import { view } from "./url";

export interface Resource<T> { data: Signal<T | null>; problem: Signal<Problem | null> }

function resource<T>(): Resource<T> {
  return { data: signal<T | null>(null), problem: signal<Problem | null>(null) };
}

export const summary = resource<Summary>();
export const outcome = resource<Timeseries>(); // by rcode, without search-list misses
export const scopes = resource<Timeseries>(); // by scope; its "search" series is drawn apart
export const whole = resource<Timeseries>();
export const types = resource<Top>();
export const codes = resource<Top>();
export const domains = resource<Top>();
export const clients = resource<Top>();
export const servers = resource<Top>();
export const traffic = resource<Top>();
export const logs = resource<Logs>();
export const gaps = resource<Logs>();
export const fields = resource<Fields>();
export const coverage = resource<Coverage>();

export const rules = resource<Alerts>();
export const openEvents = resource<AlertEvents>();
export const resolvedEvents = resource<AlertEvents>();
export const suppressions = resource<Suppressions>();
export const policies = resource<Policies>();
export const blocked = resource<Top>(); // by policy and verdict: denied and would be denied
export const blockedPods = { denied: resource<Top>(), audited: resource<Top>() };
export const blockedNames = { denied: resource<Top>(), audited: resource<Top>() };

/** Packets of the range that may be missing in the figures; null while that is not known. */
export const loss = computed<Loss | null>(() => summary.data.value?.loss ?? null);
export const lossByTime = computed<Timeseries["loss"]>(() => whole.data.value?.loss ?? []);

/** Queries that did not leave because of a policy, and those that only would not have. */
export const DENIED = "verdict IN {deny, unjudgeable}";
export const AUDITED = "verdict = audit";
/** Made by the search list, and asked: what a policy stopped stands under its own name. */
export const MISSED = "scope = search AND verdict NOTIN {deny, unjudgeable}";

/** The filter's own mistake, with its text: the box shows it, the panels keep what they had. */
export const mistake = signal<{ text: string; problem: Problem } | null>(null);
/** Since when nobody answers; null while somebody does. */
export const offlineSince = signal<number | null>(null);
export const busy = signal(false);
/** A change takes longer than two seconds. */
export const slow = signal(false);
/** Reasons not to touch the page now: a drag, an open list. */
export const holds = signal(0);
/** New rows that the log table did not show because somebody reads it. */
export const pending = signal(0);
/** Set by the log table while it is scrolled, pointed at or has a row open. */
export const reading = signal(false);

/** How long figures may stand before they are asked for again: wide ranges cost the store more. */
export const refreshMs = computed(() => {
  const r = summary.data.value?.range;
  const hours = r ? (Date.parse(r.to) - Date.parse(r.from)) / 3_600_000 : 0;
  return hours <= 1 ? 5000 : hours <= 6 ? 15_000 : 60_000;
});
const BUCKETS = 60;
export const PAGE_ROWS = 100;

let current: AbortController | null = null;

const keyOf = (): string => JSON.stringify([view.value.page, view.value.q, view.value.from, view.value.to]);

async function fill<T>(to: Resource<T>, path: string, params: Params, signal: AbortSignal): Promise<void> {
  try {
    const data = await get<T>(path, params, signal);
    if (signal.aborted) return;
    to.data.value = data;
    to.problem.value = null;
  } catch (e) {
    if (signal.aborted) return;
    if (!(e instanceof Problem)) throw e;
    to.problem.value = e;
  }
}

/** A call of the log's first page keeps the rows still while somebody reads them. */
async function fillLogs(params: Params, fresh: boolean, signal: AbortSignal): Promise<void> {
  const next = resource<Logs>();
  await fill(next, "logs", params, signal);
  if (signal.aborted) return;
  const now = next.data.value;
  const before = logs.data.value;
  if (now && before && !fresh && (reading.value || before.rows.length > PAGE_ROWS)) {
    const known = new Set(before.rows.map((r) => r.row));
    pending.value = now.rows.filter((r) => !known.has(r.row)).length;
    return;
  }
  if (now) { logs.data.value = now; pending.value = 0; }
  logs.problem.value = next.problem.value;
}

const fillBlocked = (p: Params, signal: AbortSignal): Promise<void> =>
  fill(blocked, "top", { ...p, q: and(view.value.q, "verdict IN {deny, unjudgeable, audit}"), by: "policy,verdict", limit: 1000 }, signal);

async function overview(p: Params, fresh: boolean, signal: AbortSignal): Promise<void> {
  const q = view.value.q;
  const time: Params = { ...p, buckets: BUCKETS };
  await Promise.all([
    fillBlocked(p, signal), // first: the totals wait for it
    fill(outcome, "timeseries", { ...time, q: and(q, "scope != search"), by: "rcode", limit: 20 }, signal),
    fill(codes, "top", { ...p, by: "rcode,scope", limit: 100 }, signal),
    fill(whole, "timeseries", time, signal),
    fill(types, "top", { ...p, by: "qtype,scope", order: "queries", limit: 100 }, signal),
    fillLogs({ ...p, limit: PAGE_ROWS }, fresh, signal),
    fill(scopes, "timeseries", { ...time, by: "scope" }, signal),
    fill(domains, "top", { ...p, q: and(q, "scope = external"), by: "domain", order: "queries", limit: 10 }, signal),
    fill(clients, "top", { ...p, by: "client_namespace,client_name", order: "queries", limit: 10 }, signal),
    fill(servers, "top", { ...p, by: "servers.ip,servers.name,servers.namespace,servers.service", order: "queries", limit: 10 }, signal),
    fill(traffic, "top", { ...p, by: "client_namespace,client_name", order: "bytes", limit: 10 }, signal),
    fill(gaps, "logs", { ...p, type: "UNLOGGED", limit: PAGE_ROWS }, signal),
  ]);
}

async function denials(p: Params, signal: AbortSignal): Promise<void> {
  const top = (to: Resource<Top>, verdict: string, by: string): Promise<void> =>
    fill(to, "top", { ...p, q: and(view.value.q, verdict), by, limit: 10 }, signal);
  const pod = "client_namespace,client_name";
  await Promise.all([fillBlocked(p, signal),
    top(blockedPods.denied, DENIED, pod), top(blockedNames.denied, DENIED, "qname"),
    top(blockedPods.audited, AUDITED, pod), top(blockedNames.audited, AUDITED, "qname")]);
}

/** What the page shows whatever filter and range are: the rules' open events are counted everywhere. */
function standing(signal: AbortSignal): Promise<unknown> {
  const calls = [fill(rules, "alerts", {}, signal)];
  if (view.value.page === "/policies") calls.push(fill(policies, "policies", {}, signal));
  if (view.value.page === "/alerts") {
    calls.push(fill(openEvents, "alerts/events", { state: "open", limit: 1000 }, signal),
      fill(resolvedEvents, "alerts/events", { state: "resolved", limit: 100 }, signal),
      fill(suppressions, "alerts/suppressions", {}, signal));
  }
  return Promise.all(calls);
}

async function figures(fresh: boolean, signal: AbortSignal): Promise<void> {
  const { page, q, from, to } = view.value;
  await fill(summary, "summary", { q, from, to }, signal);
  if (signal.aborted) return;
  const problem = summary.problem.value;
  mistake.value = problem?.body.query ? { text: q, problem } : null;
  offlineSince.value = problem?.offline ? offlineSince.value ?? Date.now() : null;
  if (problem?.body.query || problem?.offline) return;
  const p: Params = { ...(problem ? { from, to } : summary.data.value?.range), q };
  if (page === "/") await overview(p, fresh, signal);
  if (page === "/policies") await denials(p, signal);
}

/** fresh: somebody changed the question; otherwise the same question again, in silence. */
export async function load(fresh: boolean): Promise<void> {
  current?.abort();
  const mine = current = new AbortController();
  busy.value = true;
  const late = setTimeout(() => { slow.value = true; }, 2000);
  try {
    await Promise.all([figures(fresh, mine.signal), standing(mine.signal)]);
  } finally {
    clearTimeout(late);
    if (current === mine) { busy.value = false; slow.value = false; }
  }
}

/** One more page of the log, behind the last; a Problem when it does not come. */
export async function loadMore(): Promise<void> {
  const have = logs.data.value;
  if (!have?.next_cursor) return;
  holds.value++;
  try {
    const next = await get<Logs>("logs", {
      q: view.value.q, ...have.range, limit: PAGE_ROWS, cursor: have.next_cursor,
    });
    if (logs.data.value !== have) return; // the question changed meanwhile
    const known = new Set(have.rows.map((r: Row) => r.row));
    logs.data.value = { ...next, rows: [...have.rows, ...next.rows.filter((r) => !known.has(r.row))], unreadable: [...have.unreadable, ...next.unreadable] };
  } finally {
    holds.value--;
  }
}

/** Coverage in full is large: asked for only when somebody opens it. */
export const loadCoverage = (): Promise<void> =>
  fill(coverage, "coverage", {}, new AbortController().signal);

/** Whether the range ends at now, so that there is something to refresh. */
export const live = (): boolean => view.value.to === "now";

export function start(): void {
  void fill(fields, "fields", {}, new AbortController().signal);
  let key = "";
  effect(() => {
    const now = keyOf();
    if (now === key) return; // only the open row changed
    key = now;
    reading.value = view.value.sel !== ""; // a log that is gone has no pointer in it
    untracked(() => void load(true));
  });
  let next = Date.now() + 4500;
  const again = (): void => {
    const wanted = live() || offlineSince.value !== null;
    const still = !busy.value && !holds.value && document.visibilityState === "visible" && getSelection()?.type !== "Range";
    if (!still || Date.now() < next) return;
    const began = Date.now();
    next = Infinity;
    // A slow store is not asked more often than it can answer.
    void (wanted ? load(false) : standing(new AbortController().signal))
      .finally(() => { next = began + Math.max(refreshMs.value, 4 * (Date.now() - began)) - 500; });
  };
  setInterval(again, 1000);
  document.addEventListener("visibilitychange", again);
}
