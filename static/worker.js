// Served as `/worker.js`, so that it may see to all pages. Where the recorder cannot be reached it shows a page of our own
// that was kept before. Nothing else is kept: no picture, no answer, no page of the recorder's.
const KEPT = "falconeye-offline";
const OFFLINE = new URL("offline", registration.scope).href;
const STATIC = new URL("static/", registration.scope).href;

// The one of before goes when there is another: where that cannot be had, this worker is given up, and the old one goes on.
async function keep() {
  const page = await fetch(OFFLINE, { cache: "no-store", credentials: "same-origin" });
  if (!page.ok) throw new Error(`the page for later was not had: ${page.status}`);
  const needed = [...(await page.clone().text()).matchAll(/href="([^"#]+)/g)].map(([, path]) => new URL(path, OFFLINE).href);
  await caches.delete(KEPT);
  const cache = await caches.open(KEPT);
  await cache.addAll([...new Set(needed)].filter((url) => url.startsWith(STATIC)));
  await cache.put(OFFLINE, page);
}

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keep());
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

const kept = async (url) => (await (await caches.open(KEPT)).match(url)) ?? Response.error();

addEventListener("fetch", (event) => {
  const { mode, destination, url, method } = event.request;
  // A download is a navigation, too: it goes its own way.
  const isPage = mode === "navigate" && method === "GET" && !url.startsWith(new URL("api/", registration.scope).href);
  if (isPage) event.respondWith(fetch(event.request).catch(() => kept(OFFLINE)));
  else if (["style", "image"].includes(destination) && url.startsWith(STATIC)) {
    event.respondWith(fetch(event.request).catch(() => kept(url.split("#")[0])));
  }
});
