// Keeps the page in the browser's cache, so that it works without a network. The build inserts VERSION and FILES above: the page's own
// files, stored at the first visit. Models are stored when they are first used.
const CACHE = `light-${VERSION}`;

self.addEventListener("install", (event) => {
    event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
    const clear = async () => {
        for (const name of await caches.keys()) if (name.startsWith("light-") && name !== CACHE) await caches.delete(name);
        await self.clients.claim();
    };
    event.waitUntil(clear());
});

self.addEventListener("fetch", (event) => {
    const address = new URL(event.request.url);
    if (event.request.method !== "GET" || address.origin !== location.origin) return;
    event.respondWith(answer(event.request));
});

async function answer(request) {
    const cache = await caches.open(CACHE);
    const known = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
    if (known) return known;
    const response = await fetch(request);
    if (response.ok) cache.put(request, response.clone()).catch(complain);
    return response;
}

// Without room the page works, with a network, and says so.
async function complain() {
    for (const page of await self.clients.matchAll({ type: "window" })) page.postMessage("full");
}
