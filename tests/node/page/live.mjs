// A decision as it happens: shown without a reload, made with a keyboard, seen by everybody, and found again after a
// restart.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Sereno, assertClean, browser, endAll, phone, question, signedIn, until } from './kit.mjs';

let sereno;
let chrome;
let ana;
let ben;

before(async () => {
  [sereno, chrome] = await Promise.all([Sereno.start({ people: { ana: 'admin', ben: 'approver' } }), browser()]);
  ana = await signedIn(chrome, sereno);
  ana.offline = true;
  ben = await signedIn(chrome, sereno, 'ben', { viewport: { width: 1280, height: 800 } });
  await ana.page.locator('#link.on').waitFor();
  ana.offline = false;
  for (const one of [ana, ben]) await one.page.evaluate(() => { window.loadedOnce = true; });
});
after(endAll);

const waiting = (one) => one.page.locator('#needs .card.approval');
const decided = (one, text) => one.page.locator('#feed .card.approval', { hasText: text }).first();

/** Presses Tab until what has the focus is called `name`. */
async function tabTo(page, name) {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const label = await page.evaluate(() => document.activeElement?.textContent ?? '');
    const outline = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return outlineStyle === 'none' ? 0 : parseFloat(outlineWidth);
    });
    assert.ok(outline >= 2, `the focus is visible on "${label.trim()}"`);
    if (label.trim().endsWith(name)) return;
  }
  assert.fail(`the keyboard does not reach "${name}"`);
}

test('a question appears by itself and is approved with a keyboard alone', async () => {
  assert.equal(await ana.page.locator('#needs').isHidden(), true);
  await sereno.report(question('Debugger', 'pytest tests/'));
  for (const one of [ana, ben]) {
    await waiting(one).getByText('Debugger wants to run: pytest tests/').waitFor();
    assert.match(await one.page.locator('#sentence').textContent(), /1 needs you|All quiet/);
    await one.page.locator('#sentence.busy').waitFor();
    assert.equal(await one.page.title(), '(1) sereno');
  }
  await until('a screen reader is told', () => ana.page.locator('#urgent').textContent().then((text) => text.includes('Debugger')));

  // Somebody whose phone has not heard of the decision.
  const stale = await phone(chrome, sereno.url, { storageState: await ben.context.storageState() });
  stale.offline = true;
  await stale.page.route('**/stream*', (route) => route.abort());
  await stale.page.goto(sereno.url);

  await tabTo(ana.page, 'Approve once');
  await ana.page.keyboard.press('Enter');
  for (const one of [ana, ben]) {
    const title = await decided(one, 'pytest tests/').locator('h3').textContent();
    assert.match(title, /^✅ Approved by ana · page · \d\d:\d\d$/);
    assert.equal(await one.page.locator('#needs').isHidden(), true);
    assert.equal(await decided(one, 'pytest tests/').locator('button[data-token]').count(), 0);
    assert.equal(await one.page.evaluate(() => window.loadedOnce), true, 'nothing was loaded again');
  }
  const focused = await ana.page.evaluate(() => document.activeElement.closest('.card')?.dataset.copy);
  assert.equal(focused, await decided(ana, 'pytest tests/').getAttribute('data-copy'), 'the keyboard stays on the card');
  const call = await until('the fleet hears of it', () => sereno.calls.find((one) => one.type === 'control.decide'));
  assert.equal(call.approval.outcome, 'approved');

  await stale.page.getByRole('button', { name: 'Approve once' }).click();
  await stale.page.locator('#toast', { hasText: /^Already approved by ana at \d\d:\d\d\.$/ }).waitFor();
  await stale.page.getByText('Approved by ana · page').waitFor();
  assert.equal(sereno.calls.filter((one) => one.type === 'control.decide').length, 1, 'one decision');
  await stale.context.close();
});

test('a rejection carries its reason to the agent', async () => {
  await sereno.report(question('Debugger', 'rm -rf build/'));
  await waiting(ben).getByRole('button', { name: 'Reject + why' }).click();
  const dialog = ben.page.getByRole('dialog');
  await dialog.getByText('Your words: the agent reads them.').waitFor();
  await ben.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(await waiting(ben).count(), 1, 'thinking better of it decides nothing');
  await waiting(ben).getByRole('button', { name: 'Reject + why' }).click();
  await dialog.getByRole('textbox').fill('Use make clean instead');
  await ben.page.keyboard.press('Enter');
  await until('the dialog has gone', async () => !(await dialog.isVisible()));
  for (const one of [ana, ben]) {
    const title = await decided(one, 'rm -rf build/').locator('h3').textContent();
    assert.match(title, /^❌ Rejected by ben · page · \d\d:\d\d — "Use make clean instead"$/);
  }
  const call = await until('the fleet hears of it', () => sereno.calls.find((one) => one.approval?.outcome === 'denied'));
  assert.ok(JSON.stringify(call).includes('Use make clean instead'));
});

test('what cannot be taken back is asked twice', async () => {
  await sereno.report(question('Debugger', 'git push --force'));
  await waiting(ana).getByRole('button', { name: 'Reject + stop' }).click();
  await ana.page.getByRole('dialog').getByText('Really?').waitFor();
  await ana.page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await waiting(ana).count(), 1);
  await waiting(ana).getByRole('button', { name: 'Reject', exact: false }).first().click();
  await decided(ana, 'git push --force').getByText('Rejected by ana').waitFor();
});

test('a long command is read to its end before it can be approved', async () => {
  const lines = Array.from({ length: 120 }, (_, line) => `echo "step ${line}" >> log`).join('\n');
  await sereno.report(question('Debugger', lines));
  const card = waiting(ana);
  const approve = card.getByRole('button', { name: 'Approve once' });
  await approve.waitFor();
  assert.equal(await approve.isDisabled(), true);
  assert.equal(await card.getByRole('button', { name: 'Reject' }).first().isDisabled(), false);
  await card.locator('pre').focus();
  await ana.page.keyboard.press('End');
  await until('it can be approved', () => approve.isEnabled());
  await approve.click();
  await decided(ana, 'Approved by ana').waitFor();
});

test('two people who tap at once make one decision', async () => {
  const asked = question('Debugger', 'make release');
  const told = () => sereno.calls.filter((one) => one.approval?.id === asked.approval.id).length;
  await sereno.report(asked);
  await Promise.all([ana, ben].map((one) => waiting(one).waitFor()));
  ana.offline = true; // Chromium logs the refusal of the second as an error.
  ben.offline = true;
  const buttons = [waiting(ana).getByRole('button', { name: 'Approve once' }), waiting(ben).getByRole('button', { name: 'Reject' }).first()];
  // Both are in hand before either is tapped: the other's tap may take a button away.
  const [yes, no] = await Promise.all(buttons.map((button) => button.elementHandle()));
  await Promise.all([yes.evaluate((button) => { button.click(); button.click(); }), no.evaluate((button) => button.click())]);
  const titles = await Promise.all([ana, ben].map((one) => decided(one, 'make release').locator('h3').textContent()));
  assert.equal(titles[0], titles[1]);
  await until('the fleet hears of it', () => told() > 0);
  assert.equal(told(), 1);
  ana.offline = false;
  ben.offline = false;
});

test('after a restart the page connects again and catches up', async () => {
  for (const one of [ana, ben]) one.offline = true;
  await sereno.stop();
  await ana.page.getByText(/^reconnecting, last update \d+ s ago$/).waitFor();
  await sereno.run();
  await sereno.report(question('Scout', 'curl https://example.org/data'));
  for (const one of [ana, ben]) {
    await waiting(one).getByText('curl https://example.org/data').first().waitFor();
    await one.page.locator('#link.on').waitFor();
    one.offline = false;
    assert.equal(await one.page.evaluate(() => window.loadedOnce), true, 'nothing was loaded again');
  }
  await waiting(ana).getByRole('button', { name: 'Approve once' }).click();
  await decided(ben, 'curl https://example.org/data').getByText('Approved by ana').waitFor();
});

test('a page that hears nothing any more connects anew', async () => {
  const cut = await phone(chrome, sereno.url, { storageState: await ana.context.storageState() });
  await cut.page.clock.install();
  let streams = 0;
  await cut.page.route('**/stream*', (route) => {
    streams += 1;
    // The first connection is open and dead: it says hello and nothing more.
    return streams === 1 ? new Promise(() => {}) : route.continue();
  });
  await cut.page.goto(sereno.url);
  await until('the first connection', () => streams === 1);
  await cut.page.evaluate(() => { document.querySelector('#link').dataset.seen = '1'; });
  await cut.page.clock.runFor(60_000);
  await until('the second connection', () => streams === 2);
  await cut.page.locator('#link.on').waitFor();
  await cut.context.close();
});

test('nobody was shown anything that a page must not do', () => {
  assertClean(ana);
  assertClean(ben);
});
