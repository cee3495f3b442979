// Two runtimes on one page: the test in tests/it/real/fleet.rs has a Claude Code and an OpenClaw that wait, decides for
// the first from a phone, and leaves the second to whoever signs in here. With PICTURES, a folder, it takes a picture.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertClean, browser, endAll, phone } from './kit.mjs';

after(endAll);

test('whoever looks sees agents of both, decides for one, and sees who decided for the other', async () => {
  const { LINK: link, PICTURES: pictures } = process.env;
  const you = await phone(await browser(), new URL(link).origin, {
    viewport: { width: 1280, height: 1000 }, colorScheme: 'dark', reducedMotion: 'reduce',
  });
  const { page } = you;
  await page.goto(link);
  await page.getByRole('button', { name: 'Sign in here' }).click();
  const waiting = (command) => page.locator('#needs .card.approval', { hasText: command });
  for (const command of ['touch proof', 'touch from-claw']) await waiting(command).waitFor();
  for (const [line, kind] of [['/cost', 'cost'], ['/agents', 'agents']]) {
    await page.locator('#line').fill(line);
    await page.locator('#line').press('Enter');
    await page.locator(`#feed .card.${kind}`).first().waitFor();
  }
  const agents = page.locator('#feed .card.agents').first();
  for (const command of ['touch proof', 'touch from-claw']) await agents.getByText(command).waitFor();
  const left = async (part) => (await agents.locator(part).first().boundingBox()).x;
  assert.equal(await left('ul'), await left('h3'), 'a card is no list of the page, and stands in one column');
  if (pictures) await page.screenshot({ path: `${pictures}/fleet.png` });

  await waiting('touch from-claw').getByRole('button', { name: 'Approve once' }).click();
  const decided = (who) => page.locator('#feed .card.approval', { hasText: who });
  await decided('Approved by ana · page').getByText('touch from-claw').first().waitFor();
  await decided('Approved by tess · Telegram').getByText('touch proof').first().waitFor();
  assertClean(you);
});
