// The device on which the page is: who is signed in there, in which language, its worker, what is kept of the page for
// when there is no network, notifications.

const $ = (selector, from = document) => from.querySelector(selector);
const STATE = 'sereno-state';
const view = document.body.dataset.view;
const csrf = $('meta[name=csrf]')?.content;
const others = new BroadcastChannel('sereno');

// ---- what is kept

/** What is seen, without anything that could be tapped or that bears a token. */
function seen() {
  const main = $('#list').cloneNode(true);
  for (const one of main.querySelectorAll('button, form, input, .buttons, .left, [hidden]')) one.remove();
  for (const link of main.querySelectorAll('a')) link.replaceWith(...link.childNodes);
  for (const one of main.querySelectorAll('[tabindex], [id], [data-token]')) {
    for (const name of ['tabindex', 'id', 'aria-labelledby', 'data-token']) one.removeAttribute(name);
  }
  return main.innerHTML;
}

async function keep() {
  // Only what the server says now: while it cannot be heard, what is kept grows old.
  if (view !== 'feed' || location.pathname !== '/' || !$('#link.on')) return;
  const state = { at: Date.now(), lang: document.documentElement.lang, sentence: $('#sentence').textContent, html: seen() };
  const cache = await caches.open(STATE);
  await cache.put('/state', new Response(JSON.stringify(state), { headers: { 'content-type': 'application/json' } }));
}

function keepOn() {
  let due;
  const soon = () => {
    clearTimeout(due);
    due = setTimeout(keep, 500);
  };
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['class'] });
  setInterval(keep, 30_000);
  document.addEventListener('visibilitychange', () => { if (document.hidden) keep(); });
  soon();
}

/** Nobody is signed in here: nothing of whoever was is left, here or in another window. */
async function forget() {
  others.postMessage('left');
  await caches.delete(STATE);
}

// ---- notifications

const notified = () => localStorage.getItem('sereno-notified');

/** The name of this device, made up once. */
function name() {
  let own = localStorage.getItem('sereno-device');
  if (!own) {
    own = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    localStorage.setItem('sereno-device', own);
  }
  return own;
}

async function post(address, body) {
  const headers = { 'content-type': 'application/json', 'x-csrf': csrf };
  const answer = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) }).catch(() => null);
  return !!answer?.ok;
}

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (sign) => sign.charCodeAt(0));
const same = (left, right) => !!left && String(new Uint8Array(left)) === String(right);

/** The subscription of this browser under our key, made anew where there is none. */
async function subscription(key) {
  const { pushManager } = await navigator.serviceWorker.ready;
  let own = await pushManager.getSubscription();
  if (own && !same(own.options.applicationServerKey, key)) {
    await own.unsubscribe();
    own = null;
  }
  return own ?? pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

/** Hands the subscription in, unless the server has it from this session already. */
async function handIn(key) {
  const own = await subscription(bytes(key));
  const { endpoint, keys } = own.toJSON();
  const mark = `${endpoint} ${csrf}`;
  if (notified() === mark) return true;
  const taken = await post('/devices', { device: name(), endpoint, p256dh: keys.p256dh, auth: keys.auth });
  if (taken) localStorage.setItem('sereno-notified', mark);
  return taken;
}

async function stop() {
  localStorage.removeItem('sereno-notified');
  const taken = await post('/devices/forget', { device: name() });
  const { pushManager } = await navigator.serviceWorker.ready;
  await (await pushManager.getSubscription())?.unsubscribe();
  return taken;
}

/** Asks only when somebody taps; until then it shows what can be asked for. */
function offer(box) {
  const say = (word) => { $('#device-said').textContent = box.dataset[word] ?? ''; };
  const on = $('#notify');
  const off = $('#unnotify');
  const show = () => {
    const is = !!notified() && Notification.permission === 'granted';
    on.hidden = is;
    off.hidden = !is;
  };
  const phone = /iPhone|iPad/.test(navigator.userAgent);
  const able = 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;
  if (!able) {
    say(phone && !navigator.standalone ? 'ios' : 'unable');
    return;
  }
  show();
  on.addEventListener('click', async () => {
    on.disabled = true;
    const allowed = await Notification.requestPermission();
    const done = allowed === 'granted' && await handIn(box.dataset.key).catch(() => false);
    say(allowed !== 'granted' ? 'denied' : done ? 'on' : 'failed');
    on.disabled = false;
    show();
  });
  off.addEventListener('click', async () => {
    off.disabled = true;
    say(await stop().catch(() => false) ? 'off' : 'failed');
    off.disabled = false;
    show();
  });
}

// ---- who is here

function signIn() {
  const words = document.body.dataset;
  const token = new URLSearchParams(location.hash.slice(1)).get('signin');
  const button = $('#signin');
  $('#with-link').hidden = !token;
  $('#without-link').hidden = !!token;
  button.addEventListener('click', async () => {
    button.disabled = true;
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch('/signin', { method: 'POST', headers, body: JSON.stringify({ token }) }).catch(() => null);
    if (answer?.ok) location.replace('/');
    else {
      button.disabled = !!answer;
      $('#result').textContent = answer ? words.invalid : words.lost;
    }
  });
}

/** Nothing of whoever leaves is left in this window. */
async function leave() {
  sessionStorage.clear();
  await post('/signout', {});
  location.replace('/');
}

/** The page in another language, in this browser. */
function speak(lang) {
  document.cookie = `sereno-lang=${lang}; Path=/; Max-Age=31536000; SameSite=Lax`;
  location.reload();
}

// ---- start

if ('serviceWorker' in navigator) navigator.serviceWorker.register('/sw.js').catch(() => {});
if (view === 'signin') {
  forget();
  signIn();
} else {
  others.addEventListener('message', () => location.replace('/'));
  keepOn();
  $('#lang').addEventListener('click', (event) => speak(event.currentTarget.dataset.lang));
  $('#signout')?.addEventListener('click', leave);
  const box = $('#device');
  if (box) offer(box);
  const key = $('meta[name=push]')?.content;
  if (key && notified() && 'Notification' in window && Notification.permission === 'granted') handIn(key).catch(() => {});
}
