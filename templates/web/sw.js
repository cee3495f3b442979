// The worker behind the page: shows notifications, and what was seen last when there is no network. It keeps nothing
// that could be tapped, and decides nothing.

const VERSION = '{{ version }}';
const SHELL = `sereno-${VERSION}`;
const STATE = 'sereno-state';
const FRAME = '/offline';
const ICON = '/assets/icon-192.png';
const BADGE = '/assets/badge-96.png';
const KEPT = [FRAME, `/assets/page.css?v=${VERSION}`, `/assets/offline.js?v=${VERSION}`, '/assets/icon.svg', ICON, BADGE];

self.addEventListener('install', (event) => {
  // Without the cookie: the frame is the same for everybody.
  const fresh = KEPT.map((address) => new Request(address, { cache: 'reload', credentials: 'omit' }));
  event.waitUntil(caches.open(SHELL).then((shell) => shell.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const old = (name) => name !== SHELL && name !== STATE;
  const tidy = caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))));
  event.waitUntil(tidy.then(() => self.clients.claim()));
});

const isView = (path) => path === '/' || /^\/(agents|cost|more|sessions|tasks|alerts)$|^\/(card|c|agent|session|task|alert|more)\//.test(path);

/** The frame in place of a page that cannot be had now. */
async function frame(answer) {
  const kept = await caches.match(FRAME, { cacheName: SHELL });
  return kept ?? answer ?? Response.error();
}

async function page(request) {
  let answer;
  try {
    answer = await fetch(request);
  } catch {
    return frame();
  }
  // Something stands before the server, and says that it is away.
  return [502, 503, 504].includes(answer.status) ? frame(answer) : answer;
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== location.origin) return;
  if (request.mode === 'navigate') {
    if (isView(url.pathname)) event.respondWith(page(request));
  } else if (url.pathname !== FRAME && KEPT.includes(url.pathname + url.search)) {
    event.respondWith(caches.match(request, { cacheName: SHELL }).then((kept) => kept ?? fetch(request)));
  }
});

/** An address of our own, whatever it was. */
function own(path) {
  const url = new URL(typeof path === 'string' ? path : '/', location.origin);
  return url.origin === location.origin ? url.href : `${location.origin}/`;
}

/** The number on the icon of the installed page: how many decisions wait, as the push says. */
async function count(waiting) {
  if (Number.isInteger(waiting)) await navigator.setAppBadge?.(waiting).catch(() => {});
}

self.addEventListener('push', (event) => {
  let said = {};
  try {
    said = event.data.json();
  } catch {
    // A browser wants something shown for every push.
  }
  const shown = self.registration.showNotification(said.title || 'sereno', {
    body: said.body ?? '',
    tag: said.tag ?? '',
    renotify: !!said.tag && !said.silent,
    silent: !!said.silent,
    lang: said.lang ?? '',
    timestamp: said.at,
    icon: ICON,
    badge: BADGE,
    data: { url: own(said.url) },
  });
  event.waitUntil(Promise.all([shown, count(said.waiting)]));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const url = own(event.notification.data?.url);
  const show = async () => {
    const open = await self.clients.matchAll({ type: 'window' });
    const page = open.find((one) => isView(new URL(one.url).pathname));
    if (!page) return self.clients.openWindow(url);
    await page.focus();
    return page.navigate(url);
  };
  event.waitUntil(show());
});
