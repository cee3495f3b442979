// A finger on the page: nothing moves under it, every tap is answered at once, and what was lost says so. And what is
// told without being looked at: by the badge, and to a screen reader.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Sereno, assertClean, browser, endAll, phone, question, signedIn, until } from './kit.mjs';

let sereno;
let chrome;
let ana;

before(async () => {
  [sereno, chrome] = await Promise.all([Sereno.start(), browser()]);
  ana = await signedIn(chrome, sereno);
  await ana.page.addInitScript(() => {
    window.badges = [];
    navigator.setAppBadge = async (count) => { window.badges.push(count); };
  });
  await ana.page.reload();
  await ana.page.locator('#link.on').waitFor();
});
after(endAll);

const step = (name) => ({
  type: 'step.ended', agent: { id: 'scout', name: 'Scout' }, session: { id: 'scout-1' }, task: { id: 'OSINT-15' },
  step: { name, index: 1, of: 9 }, message: name,
});
const task = { type: 'task.created', agent: { id: 'scout', name: 'Scout' }, task: { id: 'OSINT-15', title: 'Map 400 sources' } };
const cards = () => ana.page.locator('#list .card');

test('nothing moves while a finger is on the page', async () => {
  const { page } = ana;
  await sereno.report(task, step('One'));
  await page.locator('#feed .card.milestone', { hasText: 'One' }).waitFor();
  const before = await cards().count();
  await page.locator('body').dispatchEvent('pointerdown');
  await sereno.report(step('Two'), question('Scout', 'make now'));
  await until('it has arrived', () => page.locator('#sentence').textContent().then((text) => text.includes('needs you')));
  await page.locator('#fresh', { hasText: 'new' }).waitFor();
  assert.equal(await cards().count(), before, 'nothing has moved');
  await page.locator('body').dispatchEvent('pointerup');
  await page.locator('#needs .card', { hasText: 'make now' }).waitFor();
  assert.equal(await page.locator('#feed .card.milestone', { hasText: 'Two' }).count(), 0, 'what is merely new waits for the pill');
  await page.locator('#fresh').click();
  await page.locator('#feed .card.milestone', { hasText: 'Two' }).waitFor();
  assert.equal(await page.locator('#fresh').isVisible(), false);
});

test('whoever reads further down is told how much is new', async () => {
  const { page } = ana;
  for (let n = 0; n < 12; n += 1) await sereno.report(step(`Filler ${n}`));
  // Some of it may have come while the last tap was still near.
  await page.locator('#feed .card', { hasText: 'Filler 11' }).first().waitFor();
  await page.reload();
  await page.locator('#link.on').waitFor();
  await page.evaluate(() => scrollTo(0, 600));
  await until('it is scrolled', () => page.evaluate(() => scrollY > 240));
  const top = await page.evaluate(() => scrollY);
  await sereno.report(step('Below'), step('Beneath'));
  await page.getByRole('button', { name: '2 new' }).waitFor();
  assert.equal(await page.evaluate(() => scrollY), top);
  await page.getByRole('button', { name: '2 new' }).click();
  await page.locator('#feed .card.milestone', { hasText: 'Beneath' }).waitFor();
  assert.equal(await page.evaluate(() => scrollY), 0);
});

test('a tap is answered at once, and one that was lost says so', async () => {
  const { page } = ana;
  let arrived = 0;
  await page.route('**/act', async (route) => {
    arrived += 1;
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    if (arrived === 1) await route.abort();
    else await route.continue();
  });
  ana.offline = true; // Chromium logs what was lost as an error.
  const reject = page.locator('#needs .card.approval').getByRole('button', { name: 'Reject', exact: false }).first();
  const within = await reject.evaluate(async (button) => {
    const began = performance.now();
    button.click();
    button.click();
    await new Promise(requestAnimationFrame);
    return [button.textContent, performance.now() - began];
  });
  assert.equal(within[0], 'sending…');
  assert.ok(within[1] < 100, `${within[1]} ms`);
  await page.locator('#toast', { hasText: 'Not sent. Check the connection and try again.' }).waitFor();
  assert.equal(arrived, 1, 'a double tap is one');
  assert.equal(await reject.isEnabled(), true);
  ana.offline = false;
  await reject.click();
  await page.locator('#feed .card.approval', { hasText: 'Rejected by ana' }).waitFor();
  await page.unroute('**/act');
});

test('the badge counts what waits, on every view', async () => {
  const { page } = ana;
  await page.goto(`${sereno.url}/agents`);
  await page.locator('#link.on').waitFor();
  assert.equal(await page.title(), 'sereno');
  await sereno.report(question('Scout', 'make one'), question('Scout', 'make two'));
  await until('both are counted', async () => (await page.title()) === '(2) sereno');
  assert.equal(await page.evaluate(() => window.badges.at(-1)), 2);
});

test('what waits is called out once, what changes is said politely', async () => {
  const { page } = ana;
  await page.goto(sereno.url);
  await page.locator('#link.on').waitFor();
  await page.evaluate(() => {
    window.said = { polite: [], urgent: [] };
    for (const kind of ['polite', 'urgent']) {
      const box = document.getElementById(kind);
      new MutationObserver(() => window.said[kind].push(box.textContent)).observe(box, { childList: true });
    }
  });
  await sereno.report(question('Scout', 'make three'));
  const card = page.locator('#needs .card.approval', { hasText: 'make three' });
  await card.waitFor();
  await card.getByRole('button', { name: 'Approve once' }).click();
  await page.locator('#feed .card.approval', { hasText: 'make three' }).waitFor();
  const said = await page.evaluate(() => window.said);
  assert.deepEqual(said.urgent.filter((text) => text.includes('make three')).length, 1, JSON.stringify(said));
  assert.ok(said.polite.some((text) => text.includes('Approved by ana')), JSON.stringify(said));
});

test('the first paint is small, and all of it is ours', async () => {
  const one = await phone(chrome, sereno.url, { storageState: await ana.context.storageState() });
  const bodies = [];
  one.page.on('response', (response) => { if (!response.url().includes('/stream')) bodies.push(response.body()); });
  await one.page.goto(sereno.url, { waitUntil: 'load' });
  await one.page.locator('#link.on').waitFor();
  const bytes = (await Promise.all(bodies)).reduce((sum, body) => sum + body.length, 0);
  assert.ok(bytes > 30_000 && bytes < 100 * 1024, `${bytes} bytes`);
  assertClean(one);
  assertClean(ana);
});
