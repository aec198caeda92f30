// The dashboards of a tenant, read from the same RPCs that every client calls. It only reads.
import {
  ArcElement, BarController, BarElement, CategoryScale, Chart, DoughnutController, Legend, LinearScale, LineController,
  LineElement, PointElement, Tooltip,
} from "chart.js";

Chart.register(ArcElement, BarController, BarElement, CategoryScale, DoughnutController, Legend, LinearScale,
  LineController, LineElement, PointElement, Tooltip);

const colours = ["#2f6fde", "#2c9a5b", "#d9822b", "#8a56c2", "#c2408a", "#2a9d9d", "#b08900", "#5b6b7b", "#d0564a",
  "#7aa5ef"];
const charts = [];

// Who looks, for as long as the tab is open. Query parameters tell the tenant of a development installation.
function caller() {
  const query = new URLSearchParams(location.search);
  const saved = JSON.parse(sessionStorage.getItem("caller") || "{}");
  for (const name of ["tenant", "actor", "roles"]) if (query.get(name)) saved[name] = query.get(name);
  return saved;
}

function headers() {
  const { token, tenant, actor, roles } = caller();
  const out = { "Content-Type": "application/json" };
  if (token) out.Authorization = `Bearer ${token}`;
  if (tenant) out["X-Embudo-Tenant"] = tenant;
  if (actor) out["X-Embudo-Actor"] = actor;
  if (roles) out["X-Embudo-Roles"] = roles;
  return out;
}

async function call(method, request) {
  const answer = await fetch(`/rpc/${method}`, { method: "POST", headers: headers(), body: JSON.stringify(request) });
  const body = await answer.json();
  if (answer.ok) return body;
  const error = new Error(body.message || answer.statusText);
  error.status = answer.status;
  throw error;
}

function signIn() {
  const dialog = document.getElementById("sign-in");
  dialog.onclose = () => {
    const form = new FormData(dialog.querySelector("form"));
    sessionStorage.setItem("caller", JSON.stringify(Object.fromEntries(form)));
    start();
  };
  if (!dialog.open) dialog.showModal();
}

// Elements are made of text alone, never of markup: names are what users typed.
function element(tag, text, className) {
  const out = document.createElement(tag);
  if (text !== undefined) out.textContent = text;
  if (className) out.className = className;
  return out;
}

const isMoney = (value) => value && typeof value === "object" && "currency_code" in value;
const toNumber = (value) =>
  isMoney(value) ? Number(value.units || 0) + (value.nanos || 0) / 1e9 : value === undefined ? null : Number(value);
const words = (name) => name.replaceAll("_", " ");

function show(value, name = "") {
  if (value === undefined || value === null) return "–";
  if (isMoney(value)) {
    return new Intl.NumberFormat("en", { style: "currency", currency: value.currency_code || "USD",
      maximumFractionDigits: 0 }).format(toNumber(value));
  }
  const text = new Intl.NumberFormat("en", { maximumFractionDigits: 2 }).format(Number(value));
  return /_rate$|attainment|return_on/.test(name) ? `${text} %` : text;
}

const label = (row) => row.dimensions.map((value) => value.display_name || "(none)");

function table(report) {
  const hidden = /other_currency|stay_seconds|stay_count|cycle_count|won_cycle_days$|^monthly|^recurring/;
  const measures = Object.keys(report.total).filter((name) => !hidden.test(name));
  const dimensions = report.rows.length ? report.rows[0].dimensions.map((value) => value.dimension) : [];
  const out = element("table");
  const head = out.createTHead().insertRow();
  for (const name of dimensions) head.append(element("th", words(name), "text"));
  for (const name of measures) head.append(element("th", words(name)));
  const body = out.createTBody();
  const add = (names, values, className) => {
    const row = body.insertRow();
    row.className = className || "";
    for (const name of names) row.append(element("td", name, "text"));
    for (const name of measures) row.append(element("td", show(values[name], name)));
  };
  for (const row of report.rows) add(label(row), row.measures);
  add(dimensions.map((_, i) => (i === 0 ? "Total" : "")), report.total, "total");
  const frame = element("div", undefined, "scroll");
  frame.append(out);
  return frame;
}

function figures(report) {
  const out = element("div", undefined, "figures");
  for (const figure of report.figures || []) {
    const standing = (figure.standing || "").replace("STANDING_", "").toLowerCase();
    const card = element("div", undefined, `figure ${standing}`);
    card.title = figure.definition;
    card.append(element("small", figure.display_name));
    const unit = { "%": " %", "×": " ×", days: " days", activities: "" }[figure.unit] ?? ` ${figure.unit}`;
    card.append(element("b", figure.value === undefined ? "–" : show(figure.value) + unit));
    const arrow = { TREND_UP: "▲", TREND_DOWN: "▼", TREND_FLAT: "=" }[figure.trend] || "";
    if (arrow) card.append(element("small", `${arrow} before: ${show(figure.previous_value)}`));
    if (figure.healthy_min !== undefined) {
      card.append(element("small", `healthy: ${figure.healthy_min} to ${figure.healthy_max}`));
    }
    out.append(card);
  }
  return out;
}

function stacked(report, measure) {
  const groups = [...new Set(report.rows.map((row) => label(row)[0]))];
  const series = [...new Set(report.rows.map((row) => label(row)[1] ?? words(measure)))];
  const value = (group, name) => report.rows
    .filter((row) => label(row)[0] === group && (label(row)[1] ?? words(measure)) === name)
    .reduce((sum, row) => sum + (toNumber(row.measures[measure]) || 0), 0);
  return {
    labels: groups,
    datasets: series.map((name, i) => ({
      label: name, data: groups.map((group) => value(group, name)), backgroundColor: colours[i % colours.length],
    })),
  };
}

function chart(tile, report) {
  const measure = tile.measure || Object.keys(report.total)[0];
  const kind = { CHART_LINE: "line", CHART_DOUGHNUT: "doughnut" }[tile.chart] || "bar";
  const rounds = kind === "doughnut";
  const data = tile.chart === "CHART_STACKED_BAR" ? stacked(report, measure) : {
    labels: report.rows.map((row) => label(row).join(" · ")),
    datasets: [{
      label: words(measure), data: report.rows.map((row) => toNumber(row.measures[measure])),
      backgroundColor: rounds ? report.rows.map((_, i) => colours[i % colours.length]) : colours[0],
      borderColor: kind === "line" ? colours[0] : undefined, tension: 0.2,
    }],
  };
  const frame = element("div", undefined, "chart");
  const canvas = element("canvas");
  frame.append(canvas);
  const many = data.datasets.length > 1;
  const axis = { stacked: tile.chart === "CHART_STACKED_BAR", grid: { color: "#eef1f4" } };
  charts.push(() => new Chart(canvas, {
    type: kind, data,
    options: {
      animation: false, maintainAspectRatio: false,
      plugins: { legend: { display: rounds || many, position: rounds ? "right" : "top" } },
      scales: rounds ? {} : { x: axis, y: { ...axis, beginAtZero: true } },
    },
  }));
  return frame;
}

function render(tile, result) {
  const section = element("section");
  section.append(element("h2", tile.display_name));
  const report = Object.entries(result).find(([name]) => name !== "error")?.[1];
  if (result.error || !report) {
    section.append(element("p", result.error || "no report", "error"));
  } else if (report.figures) {
    section.classList.add("wide");
    section.append(figures(report));
  } else if (!report.rows.length) {
    section.append(element("p", "Nothing yet.", "empty"));
  } else if (!tile.chart || tile.chart === "CHART_TABLE" || tile.chart === "CHART_UNSPECIFIED") {
    section.classList.add("wide");
    section.append(table(report));
  } else {
    section.append(chart(tile, report));
  }
  return [section, report?.freshness];
}

async function start() {
  const path = location.pathname.match(/^\/dashboards\/([^/]+)$/);
  const name = `dashboards/${path ? decodeURIComponent(path[1]) : "manager"}`;
  const tiles = document.getElementById("tiles");
  try {
    const [{ dashboards }, shown] =
      await Promise.all([call("ListDashboards", {}), call("ShowDashboard", { name })]);
    const nav = document.getElementById("dashboards");
    nav.replaceChildren(...(dashboards || []).map((dashboard) => {
      const link = element("a", dashboard.display_name);
      link.href = `/${dashboard.name}${location.search}`;
      if (dashboard.name === name) link.setAttribute("aria-current", "page");
      return link;
    }));
    const rendered = (shown.results || []).map((result, i) => render(shown.dashboard.tiles[i], result));
    tiles.replaceChildren(...rendered.map(([section]) => section));
    // Charts take the size of what they stand in, so they come when it stands.
    for (const draw of charts.splice(0)) draw();
    const oldest = rendered.map(([, freshness]) => freshness?.as_of).filter(Boolean).sort()[0];
    document.getElementById("freshness").textContent = oldest ? `as of ${new Date(oldest).toLocaleString("en")}` : "";
    document.body.dataset.ready = "true";
  } catch (error) {
    if (error.status === 401 || error.status === 403) return signIn();
    tiles.replaceChildren(element("p", error.message, "error"));
    document.body.dataset.ready = "error";
  }
}

start();
