// Who may look at the page: single-use links, sessions, and what every answer says about embedding and loading.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Sereno, assertClean, browser, endAll, phone, signedIn } from './kit.mjs';

const CANARY = 'Canary-7f3a';
const VIEWS = ['/', '/agents', '/cost', '/more', '/card/1', '/head', '/complete', '/stream', '/nothing/here'];
let sereno;
let chrome;

before(async () => {
  [sereno, chrome] = await Promise.all([Sereno.start(), browser()]);
  await sereno.report({ type: 'task.created', agent: { id: 'canary', name: CANARY }, task: { id: 'T-1', title: CANARY } });
});
after(endAll);

test('a link signs in with a click, once', async () => {
  const scanner = await phone(chrome, sereno.url);
  await scanner.page.goto(sereno.link);
  await scanner.page.getByRole('button', { name: 'Sign in here' }).waitFor();
  const ana = await signedIn(chrome, sereno);
  assert.equal(new URL(ana.page.url()).hash, '', 'the token is gone from the address');
  await ana.page.getByText(CANARY).first().waitFor();
  assertClean(ana);
  assertClean(scanner);

  scanner.offline = true; // Chromium logs the refusal as an error.
  await scanner.page.getByRole('button', { name: 'Sign in here' }).click();
  await scanner.page.getByText('This link was used already, or is too old. Ask for a new one.').waitFor();
  assert.deepEqual(await scanner.context.cookies(), []);
  await scanner.page.goto(`${sereno.url}/#signin=${'0'.repeat(64)}`);
  await scanner.page.reload();
  await scanner.page.getByRole('button', { name: 'Sign in here' }).click();
  await scanner.page.getByText('This link was used already').waitFor();
  await scanner.page.goto(sereno.url);
  await scanner.page.getByText('Open a sign-in link: write /login to sereno, or take the one that the console printed.').waitFor();
});

test('a session ends with sign-out, here and for whoever copied the cookie', async () => {
  const ana = await signedIn(chrome, sereno, 'ana');
  const [cookie] = await ana.context.cookies();
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, 'Lax');
  assert.equal(cookie.path, '/');
  assert.match(cookie.value, /^[0-9a-f]{64}$/);
  const another = await phone(chrome, sereno.url, { storageState: await ana.context.storageState() });
  await another.page.goto(`${sereno.url}/agents`);
  await another.page.getByText(CANARY).first().waitFor();
  await ana.page.getByRole('link', { name: 'More' }).click();
  await ana.page.getByText('Signed in as ana').waitFor();
  await ana.page.getByRole('button', { name: 'Sign out' }).click();
  await ana.page.getByText('Open a sign-in link').waitFor();
  assert.deepEqual(await ana.context.cookies(), []);
  await another.page.goto(`${sereno.url}/agents`);
  await another.page.getByText('Open a sign-in link').waitFor();
  assertClean(ana);
  assertClean(another);
});

test('without a session nothing is shown', async () => {
  for (const cookie of ['', `sereno=${'0'.repeat(64)}`, 'sereno=short', 'sereno=']) {
    for (const view of VIEWS) {
      const answer = await fetch(sereno.url + view, { headers: { cookie }, redirect: 'manual' });
      assert.ok(!(await answer.text()).includes(CANARY), `${view} with "${cookie}"`);
      assert.ok(view === '/' ? answer.status === 200 : [303, 401, 404].includes(answer.status), `${view}: ${answer.status}`);
    }
  }
});

function assertGuarded(answer, view) {
  const header = (name) => answer.headers.get(name) ?? '';
  const policy = Object.fromEntries(header('content-security-policy').split(';').map((part) => {
    const [name, ...values] = part.trim().split(/\s+/);
    return [name, values.join(' ')];
  }));
  assert.equal(policy['default-src'], "'none'", view);
  assert.equal(policy['script-src'], "'self'", view);
  assert.equal(policy['style-src'], "'self'", view);
  assert.equal(policy['frame-ancestors'], "'none'", view);
  assert.equal(policy['base-uri'], "'none'", view);
  assert.equal(policy['form-action'], "'none'", view);
  assert.ok(!/unsafe|\*|http:/.test(header('content-security-policy')), view);
  assert.equal(header('x-content-type-options'), 'nosniff', view);
  assert.equal(header('x-frame-options'), 'DENY', view);
  assert.equal(header('referrer-policy'), 'no-referrer', view);
  assert.equal(header('cross-origin-opener-policy'), 'same-origin', view);
  assert.equal(header('cross-origin-resource-policy'), 'same-origin', view);
  const kept = view.startsWith('/assets/') && answer.ok;
  assert.match(header('cache-control'), kept ? /immutable/ : /no-store/, view);
}

test('every answer says who may embed it and what it may load', async () => {
  const ana = await signedIn(chrome, sereno, 'ana');
  const [{ name, value }] = await ana.context.cookies();
  const assets = ['/assets/page.css', '/assets/page.js', '/assets/icon.svg', '/assets/app.webmanifest', '/assets/icon-192.png',
    '/assets/device.js', '/assets/none.css', '/offline', '/sw.js'];
  for (const cookie of ['', `${name}=${value}`]) {
    for (const view of [...VIEWS.filter((one) => one !== '/nothing/here'), ...assets]) {
      const answer = await fetch(sereno.url + view, { headers: { cookie }, redirect: 'manual' });
      assertGuarded(answer, view);
      await answer.body?.cancel();
    }
    for (const [view, body] of [['/act', { token: 'x' }], ['/say', { text: '/kill canary' }], ['/signout', {}],
      ['/devices', {}], ['/devices/forget', { device: 'x' }]]) {
      const headers = { cookie, 'content-type': 'application/json' };
      const answer = await fetch(sereno.url + view, { method: 'POST', headers, body: JSON.stringify(body) });
      assertGuarded(answer, view);
      assert.equal(answer.status, cookie ? 403 : 401, `${view} without a token against forgery`);
    }
  }
  assertClean(ana);
});

test('a page from elsewhere can neither frame ours nor act for whoever is signed in', async () => {
  const ana = await signedIn(chrome, sereno, 'ana');
  const link = await sereno.linkFor('ana');
  const elsewhere = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end(`<iframe src="${sereno.url}/"></iframe>`);
  }).listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  try {
    const page = await ana.context.newPage();
    for (const host of ['127.0.0.1', 'localhost']) {
      await page.goto(`http://${host}:${elsewhere.address().port}/`);
      const framed = page.frames().find((frame) => frame.parentFrame());
      assert.equal(await framed.locator('#main').count(), 0, 'a frame shows nothing of ours');
      const token = new URLSearchParams(new URL(link).hash.slice(1)).get('signin');
      for (const [address, body] of [['/signin', { token }], ['/say', { text: '/kill canary' }], ['/signout', {}]]) {
        for (const type of ['text/plain', 'application/json']) {
          const outcome = await page.evaluate(([url, text, kind]) => fetch(url, {
            method: 'POST', mode: kind === 'text/plain' ? 'no-cors' : 'cors', credentials: 'include', headers: { 'content-type': kind }, body: text,
          }).then((answer) => answer.status, () => 'blocked'), [sereno.url + address, JSON.stringify(body), type]);
          assert.ok([0, 'blocked'].includes(outcome), `${address}: ${outcome}`);
        }
      }
    }
    await ana.page.reload();
    await ana.page.locator('#link.on').waitFor();
    assert.deepEqual(sereno.calls.filter((call) => call.type === 'control.kill'), []);
    const answer = await fetch(`${sereno.url}/signin`, {
      method: 'POST', headers: { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' },
      body: JSON.stringify({ token: 'x' }),
    });
    assert.equal(answer.status, 403);
    const late = await phone(chrome, sereno.url);
    await late.page.goto(link);
    await late.page.getByRole('button', { name: 'Sign in here' }).click();
    await late.page.locator('#link.on').waitFor();
  } finally {
    elsewhere.closeAllConnections();
    elsewhere.close();
  }
});

test('behind TLS the cookie belongs to this host alone, also when it is taken back', async () => {
  const tls = await Sereno.start({ publicUrl: 'https://sereno.example' });
  const [, token] = tls.link.split('#signin=');
  assert.ok(tls.link.startsWith('https://sereno.example/'));
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${tls.url}/signin`, { method: 'POST', headers, body: JSON.stringify({ token }) });
  assert.equal(answer.status, 204);
  const cookie = answer.headers.get('set-cookie');
  assert.match(cookie, /^__Host-sereno=[0-9a-f]{64}; /);
  for (const part of ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']) assert.ok(cookie.includes(part), cookie);
  assert.ok(!/domain/i.test(cookie));
  const pair = cookie.split(';')[0];
  const page = await (await fetch(`${tls.url}/`, { headers: { cookie: pair } })).text();
  const csrf = /name="csrf" content="([^"]+)"/.exec(page)[1];
  const out = await fetch(`${tls.url}/signout`, { method: 'POST', headers: { ...headers, cookie: pair, 'x-csrf': csrf }, body: '{}' });
  assert.match(out.headers.get('set-cookie'), /^__Host-sereno=; .*Max-Age=0.*Secure/);
});
