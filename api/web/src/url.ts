// SPDX-License-Identifier: Apache-2.0
// The URL is the whole state of the page: route, filter, range, open row. Defaults are left out.
import { signal } from "@preact/signals";

export const ROUTES = { "/": "Overview", "/alerts": "Alerts", "/policies": "Policies" } as const;
export type Route = keyof typeof ROUTES;

export interface View {
  page: Route;
  q: string; // filter text, exactly as typed
  from: string; // "now-15m" or RFC 3339
  to: string;
  sel: string; // the row whose detail is open
}

const DEFAULTS: View = { page: "/", q: "", from: "now-15m", to: "now", sel: "" };
const ORDER = ["q", "from", "to", "sel"] as const;

function read(): View {
  const p = new URLSearchParams(location.search);
  const v = { ...DEFAULTS, page: location.pathname in ROUTES ? location.pathname as Route : "/" };
  for (const k of ORDER) v[k] = p.get(k) ?? DEFAULTS[k];
  return v;
}

export const view = signal<View>(read());

export function href(change: Partial<View>): string {
  const v = { ...view.value, ...change };
  const p = new URLSearchParams();
  for (const k of ORDER) if (v[k] !== DEFAULTS[k]) p.set(k, v[k]);
  const s = p.toString();
  return s ? `${v.page}?${s}` : v.page;
}

/** Push by default: each committed filter, range and opened detail is a step for Back. */
export function go(change: Partial<View>, how: "push" | "replace" = "push"): void {
  const url = href(change);
  if (url === location.pathname + location.search) return;
  const turned = change.page !== undefined && change.page !== view.value.page;
  if (how === "push") history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  view.value = { ...view.value, ...change };
  if (turned) scrollTo(0, 0);
}

addEventListener("popstate", () => { view.value = read(); });

/** Lets a link with state be a link (middle click, copy) and yet not load the page again. */
export function follow(e: MouseEvent, change: Partial<View>): void {
  if (e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  go(change);
}
