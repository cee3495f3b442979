// Mails as they are read, and what their links lead to: nothing happens before somebody taps.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Sereno, assertClean, browser, endAll, phone, question, until } from './kit.mjs';

const ROOT = new URL('../../../', import.meta.url).pathname;
const mails = [];
let server;
let sereno;
let chrome;

/** The mail server of the tests. Its port. */
async function post() {
  const program = [`${ROOT}tests/it/email/server.py`, 'none', '', '', '', ''];
  server = spawn(`${ROOT}tests/.cache/python/bin/python`, program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: server.stdout });
  let port;
  lines.on('line', (line) => (port ? mails.push(JSON.parse(line)) : port = Number(line)));
  return until('the mail server says its port', () => port);
}

const subject = (mail) => mail.headers.find(([name]) => name === 'Subject')[1];
const mailed = (start) => until(`a mail that begins with ${start}`, () => mails.find((mail) => subject(mail).startsWith(start)));
const link = (mail, label) => mail.plain.split('\n\n').find((one) => one.startsWith(label)).split('\n')[1];

before(async () => {
  const port = await post();
  const extra = `[channels.mail]\nkind = "email"\nhost = "127.0.0.1"\nport = ${port}\nsecurity = "none"\nfrom = "sereno@example.org"\n`;
  [sereno, chrome] = await Promise.all([Sereno.start({ person: 'email = "ana@example.org"\n', extra }), browser()]);
});
after(async () => {
  await endAll();
  server.kill();
});

const HOSTILE = `pytest tests/ --url https://evil.example/${'x'.repeat(300)} <script>alert(1)</script> <img src=x onerror=alert(1)>`;

test('a mail is read at every width, in light and in dark, and holds nothing that acts', async () => {
  await sereno.report(question('Debug', HOSTILE));
  await sereno.report({
    type: 'model.call', agent: { id: 'writer', name: 'Writer' }, session: { id: 'w-1' }, model: 'claude-opus-4-5',
    usage: { input_tokens: 1, output_tokens: 1, cost_usd: '6.20' },
  });
  for (const start of ['⏳ Debug wants', '🔴 Critical · Writer']) {
    const mail = await mailed(start);
    for (const width of [320, 360, 600, 1024]) {
      for (const colorScheme of ['light', 'dark']) {
        const one = await phone(chrome, sereno.url, { viewport: { width, height: 780 }, colorScheme });
        await one.page.setContent(mail.html);
        const seen = await one.page.evaluate(() => ({
          wide: document.documentElement.scrollWidth,
          card: document.querySelector('.card').getBoundingClientRect().width,
          links: [...document.links].map((a) => [a.hostname, a.getBoundingClientRect().height]),
          loads: document.querySelectorAll('script, img, link, iframe, object, form, [src], [onerror]').length,
          ground: getComputedStyle(document.querySelector('.card')).backgroundColor,
          ink: getComputedStyle(document.querySelector('.card')).color,
        }));
        assert.ok(seen.wide <= width, `${start} at ${width}: ${seen.wide} wide`);
        assert.ok(seen.card <= 602, `${start} at ${width}: a card ${seen.card} wide`);
        assert.equal(seen.loads, 0);
        assert.ok(seen.links.length > 0);
        for (const [host, height] of seen.links) {
          assert.equal(host, '127.0.0.1');
          assert.ok(height >= 44, `a finger needs more than ${height}`);
        }
        const dark = colorScheme === 'dark';
        assert.equal(seen.ground, dark ? 'rgb(30, 33, 38)' : 'rgb(255, 255, 255)');
        assert.equal(seen.ink, dark ? 'rgb(236, 238, 241)' : 'rgb(27, 29, 33)');
        if (process.env.PICTURES) await one.page.screenshot({ path: `${process.env.PICTURES}/mail-${start.slice(-6)}-${width}-${colorScheme}.png`, fullPage: true });
        assertClean(one);
        await one.context.close();
      }
    }
  }
});

test('a link shows what it would do, does nothing when it is loaded, and decides when it is tapped', async () => {
  await sereno.report(question('Tester', 'make test'));
  const mail = await mailed('⏳ Tester wants');
  const yes = link(mail, '✅');
  assert.ok(yes.startsWith(`${sereno.url}/m#`), yes);
  const calls = () => sereno.calls.filter((call) => call.type === 'control.decide');
  const before = calls().length;
  for (let round = 0; round < 3; round += 1) {
    const scanner = await phone(chrome, sereno.url);
    await scanner.page.goto(yes);
    await scanner.page.getByText('make test', { exact: true }).first().waitFor();
    await scanner.page.reload();
    await scanner.page.locator('#button').waitFor();
    assertClean(scanner);
    await scanner.context.close();
  }
  assert.equal(calls().length, before, 'a load has decided');
  const ana = await phone(chrome, sereno.url);
  await ana.page.goto(yes);
  await ana.page.locator('#button').waitFor();
  assert.match(await ana.page.title(), /^⏳ Tester wants to run: make test/);
  const { wide, height } = await ana.page.evaluate(() => ({
    wide: document.documentElement.scrollWidth, height: document.querySelector('#button').getBoundingClientRect().height,
  }));
  assert.ok(wide <= 360 && height >= 44, `${wide} wide, a button ${height} high`);
  if (process.env.PICTURES) await ana.page.screenshot({ path: `${process.env.PICTURES}/link-before.png`, fullPage: true });
  await ana.page.locator('#button').click();
  await ana.page.getByText('Done: approved.').waitFor();
  await ana.page.getByText(/^✅ Approved by ana · e-mail · /).first().waitFor();
  if (process.env.PICTURES) await ana.page.screenshot({ path: `${process.env.PICTURES}/link-after.png`, fullPage: true });
  assert.equal(await ana.page.locator('#button').isVisible(), false);
  assert.equal(new URL(ana.page.url()).hash, '', 'the token is gone from the address');
  await until('the agent hears it', () => calls().length === before + 1);
  assertClean(ana);
  // The others of the same mail are over, and say who it was.
  const late = await phone(chrome, sereno.url);
  await late.page.goto(link(mail, '❌'));
  await late.page.getByText('This button is over.').waitFor();
  await late.page.getByText(/^✅ Approved by ana/).first().waitFor();
  assert.equal(calls().length, before + 1);
  const told = await mailed('✅ Approved by ana');
  const [asked, answered] = [mail, told].map((one) => Object.fromEntries(one.headers));
  assert.equal(answered['In-Reply-To'], asked['Message-ID']);
});

test('what an agent wrote is text on the page of a link, and a no takes words along', async () => {
  const mail = await mailed('⏳ Debug wants');
  const ana = await phone(chrome, sereno.url, { locale: 'es-ES', colorScheme: 'dark' });
  await ana.page.goto(link(mail, '💬'));
  await ana.page.locator('#why').waitFor();
  assert.ok((await ana.page.locator('#card pre').textContent()).includes('<script>alert(1)</script>'));
  assert.equal(await ana.page.locator('#card script, #card img, #card a').count(), 0);
  assert.ok(await ana.page.evaluate(() => document.documentElement.scrollWidth) <= 360);
  if (process.env.PICTURES) await ana.page.screenshot({ path: `${process.env.PICTURES}/link-why.png`, fullPage: true });
  await ana.page.locator('#why').fill('not that <b>host</b>');
  await ana.page.keyboard.press('Enter');
  await ana.page.getByText('Done: rejected.').waitFor();
  await ana.page.getByText(/❌ Rejected by ana · e-mail · .* — "not that <b>host<\/b>"/).first().waitFor();
  assertClean(ana);
  const broken = await phone(chrome, sereno.url, { locale: 'es-ES' });
  await broken.page.goto(`${sereno.url}/m`);
  await broken.page.getByText('A este enlace le falta algo.').waitFor();
  assertClean(broken);
});
