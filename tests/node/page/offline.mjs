// The installed page: what is seen without a network, what is not kept, and notifications, which are asked for with a tap.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Sereno, assertClean, browser, endAll, question, signedIn, until } from './kit.mjs';

let chrome;
before(async () => { chrome = await browser(); });
after(endAll);

/** Everything that the page keeps on the device, as text. */
const kept = (page) => page.evaluate(async () => {
  const all = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const answer = await cache.match(request);
      const isText = /json|html/.test(answer.headers.get('content-type'));
      all.push({ name, url: new URL(request.url).pathname, text: isText ? await answer.text() : '' });
    }
  }
  return all;
});

const state = async (page) => JSON.parse((await kept(page)).find((one) => one.url === '/state')?.text ?? 'null');

test('without a network it shows what was seen last, how old it is, and nothing to tap', async () => {
  const sereno = await Sereno.start({ person: 'lang = "en"\n' });
  const you = await signedIn(chrome, sereno);
  await you.page.evaluate(() => navigator.serviceWorker.ready);
  await sereno.report(question('Debugger', 'pytest tests/'));
  const approve = you.page.locator('#needs .card button.approve').first();
  await approve.waitFor();
  const token = await approve.getAttribute('data-token');
  const csrf = await you.page.locator('meta[name=csrf]').getAttribute('content');
  await until('the question is kept', async () => {
    const now = await state(you.page);
    return now?.html.includes('pytest tests/') && now.sentence.includes('1 needs you');
  });
  const all = JSON.stringify(await kept(you.page));
  for (const secret of [token, csrf, 'data-token', '<button', '<form']) assert.ok(!all.includes(secret), `${secret} is kept`);

  you.offline = true;
  await you.context.setOffline(true);
  await sereno.stop();
  for (const address of ['/', '/card/1', '/more']) {
    await you.page.goto(sereno.url + address, { waitUntil: 'load' });
    await you.page.getByText(/^as of \d\d:\d\d, offline$/).waitFor();
    await you.page.getByText('pytest tests/').first().waitFor();
    assert.equal(await you.page.locator('button, form, input, [data-token]').count(), 0, 'nothing can be tapped');
    assert.match(await you.page.locator('#sentence').textContent(), /1 needs you/);
  }
  if (process.env.PICTURES) {
    for (const [width, colorScheme] of [[320, 'light'], [320, 'dark'], [390, 'light'], [390, 'dark']]) {
      await you.page.emulateMedia({ colorScheme });
      await you.page.setViewportSize({ width, height: 780 });
      await you.page.screenshot({ path: `${process.env.PICTURES}/offline-${width}-${colorScheme}.png` });
    }
  }
  const wide = await you.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, 'nothing runs out of the window');

  // When the network is back it finds its way by itself.
  await sereno.run();
  await you.context.setOffline(false);
  await you.page.waitForURL(`${sereno.url}/more`);
  await you.page.locator('#link.on').waitFor();
  you.offline = false;
  await you.page.goto(sereno.url);
  await you.page.locator('#needs .card button.approve').first().waitFor();
  assertClean(you);
});

test('what somebody saw is gone once they have signed out, in every window', async () => {
  const sereno = await Sereno.start({ person: 'lang = "en"\n' });
  const you = await signedIn(chrome, sereno);
  await you.page.evaluate(() => navigator.serviceWorker.ready);
  await sereno.report(question('Debugger', 'pytest secret-thing/'));
  await until('the question is kept', async () => (await state(you.page))?.html.includes('secret-thing'));
  const second = await you.context.newPage();
  await second.goto(`${sereno.url}/more`);
  await second.getByRole('button', { name: 'Sign out' }).click();
  await second.getByText('Open a sign-in link').waitFor();
  await you.page.getByText('Open a sign-in link').waitFor();
  await until('nothing is kept', async () => !JSON.stringify(await kept(second)).includes('secret-thing'));
  you.offline = true;
  await you.context.setOffline(true);
  await you.page.goto(sereno.url);
  await you.page.getByText('offline', { exact: true }).waitFor();
  assert.ok(!(await you.page.content()).includes('secret-thing'));
});

test('a newer version takes the place of the older one', async () => {
  const sereno = await Sereno.start();
  const you = await signedIn(chrome, sereno);
  await you.page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    await caches.open('sereno-0123456789ab');
    await (await navigator.serviceWorker.getRegistration()).unregister();
  });
  await you.page.reload();
  await you.page.evaluate(() => navigator.serviceWorker.ready);
  const names = () => you.page.evaluate(() => caches.keys());
  await until('only one version is kept', async () => (await names()).filter((name) => /^sereno-[0-9a-f]{12}$/.test(name)).length === 1);
  assert.ok(!(await names()).includes('sereno-0123456789ab'));
  const worker = await (await fetch(`${sereno.url}/sw.js`)).text();
  const [, version] = worker.match(/VERSION = '([0-9a-f]{12})'/);
  assert.ok((await names()).includes(`sereno-${version}`));
  assertClean(you);
});

test('it can be installed', async () => {
  const sereno = await Sereno.start();
  const manifest = await (await fetch(`${sereno.url}/assets/app.webmanifest`)).json();
  assert.deepEqual([manifest.id, manifest.start_url, manifest.scope, manifest.display], ['/', '/', '/', 'standalone']);
  for (const icon of manifest.icons.filter((one) => one.type === 'image/png')) {
    const answer = await fetch(sereno.url + icon.src);
    assert.equal(answer.headers.get('content-type'), 'image/png');
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.equal(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, icon.sizes);
  }
  assert.ok(manifest.icons.some((one) => one.purpose === 'maskable' && one.sizes === '512x512'));
  assert.ok(manifest.icons.some((one) => one.purpose === 'any' && one.sizes === '192x192'));
});

/** A browser's push service that is not there: what the page asks of it is written down. */
const fakePush = () => {
  const asked = [];
  let own = null;
  const made = (options) => ({
    options: { applicationServerKey: options.applicationServerKey.buffer },
    toJSON: () => ({
      endpoint: 'https://push.example.org/send/1',
      keys: {
        p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
        auth: 'BTBZMqHH6r4Tts7J_aSIgg',
      },
    }),
    unsubscribe: async () => { own = null; return true; },
  });
  PushManager.prototype.getSubscription = async () => own;
  PushManager.prototype.subscribe = async (options) => { asked.push(options); own = made(options); return own; };
  Notification.requestPermission = async () => { asked.push('permission'); window.allowed = true; return 'granted'; };
  Object.defineProperty(Notification, 'permission', { get: () => (window.allowed ? 'granted' : 'default') });
  window.asked = asked;
};

test('notifications are asked for with a tap, and can be taken back', async () => {
  const sereno = await Sereno.start({ person: 'lang = "en"\n' });
  const you = await signedIn(chrome, sereno);
  await you.page.addInitScript(fakePush);
  await you.page.goto(`${sereno.url}/more`);
  const on = you.page.getByRole('button', { name: 'Notify this phone', exact: true });
  const off = you.page.getByRole('button', { name: 'Stop notifying this phone' });
  await on.waitFor();
  assert.deepEqual(await you.page.evaluate(() => window.asked), [], 'nobody is asked without a tap');
  await on.click();
  await you.page.getByText('This phone is notified.').waitFor();
  await off.waitFor();
  const [first, options] = await you.page.evaluate(() => window.asked.map((one) => one.userVisibleOnly ?? one));
  assert.deepEqual([first, options], ['permission', true]);
  await off.click();
  await you.page.getByText('This phone is not notified any more.').waitFor();
  await on.waitFor();
  assertClean(you);
});

test('a push is shown with its line, and one that cannot be read is shown all the same', async () => {
  const sereno = await Sereno.start({ person: 'lang = "en"\n' });
  const you = await signedIn(chrome, sereno);
  await you.context.grantPermissions(['notifications'], { origin: sereno.url });
  await you.page.evaluate(() => navigator.serviceWorker.ready);
  const session = await you.context.newCDPSession(you.page);
  let registrationId;
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => { registrationId = registrations[0]?.registrationId ?? registrationId; });
  await session.send('ServiceWorker.enable');
  await until('the worker is known', () => registrationId);
  const push = (data) => session.send('ServiceWorker.deliverPushMessage', { origin: sereno.url, registrationId, data });
  const shown = () => you.page.evaluate(async () => {
    const all = await (await navigator.serviceWorker.ready).getNotifications();
    return all.map(({ title, body, tag, silent, data }) => ({ title, body, tag, silent, url: data.url }));
  });
  // The page may be closed: the worker says on the icon how much waits.
  const worker = you.context.serviceWorkers()[0] ?? await you.context.waitForEvent('serviceworker');
  await worker.evaluate(() => {
    self.counts = [];
    navigator.setAppBadge = async (count) => { self.counts.push(count); };
  });
  const tag = createHash('sha256').update('x').digest('base64url').slice(0, 32);
  await push(JSON.stringify({ title: '⏳ Debugger wants to run: pytest', body: 'in /srv', tag, url: '/c/7', silent: false, lang: 'en', at: Date.now(), waiting: 2 }));
  await until('it is shown', async () => (await shown()).length === 1);
  assert.deepEqual(await shown(), [{ title: '⏳ Debugger wants to run: pytest', body: 'in /srv', tag, silent: false, url: `${sereno.url}/c/7` }]);
  // What has changed takes its place.
  await push(JSON.stringify({ title: '✅ Approved by ana', body: '', tag, url: 'https://evil.example/', silent: true, lang: 'en', at: Date.now(), waiting: 0 }));
  await until('it has changed', async () => (await shown())[0]?.title === '✅ Approved by ana');
  assert.deepEqual((await shown()).map((one) => one.url), [`${sereno.url}/`], 'no address of anybody else');
  await push('no JSON');
  await until('it is shown too', async () => (await shown()).length === 2);
  assert.deepEqual(await worker.evaluate(() => self.counts), [2, 0]);
  assertClean(you);
});
