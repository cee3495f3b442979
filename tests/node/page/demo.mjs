// The demo as somebody plays it who has just found sereno: look, hold an agent, let it go, answer, and see the bug
// resolved for the price and in the time that the story tells.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertClean, browser, demo, endAll, phone, until } from './kit.mjs';

after(endAll);

test('a bug is hunted, a person answers, and it is resolved', async () => {
  const [story, chrome] = await Promise.all([demo('--speed', '6'), browser()]);
  const you = await phone(chrome, story.url);
  const { page } = you;
  const newest = (kind) => page.locator(`#feed .card.${kind}`).first();
  const say = async (line) => {
    await page.locator('#line').fill(line);
    await page.locator('#line').press('Enter');
    await until('the line was taken', async () => (await page.locator('#line').inputValue()) === '');
  };
  await page.goto(story.link);
  await page.getByRole('button', { name: 'Sign in here' }).click();
  await say('/agents');
  await newest('agents').getByText(/6 agents/).waitFor();
  await say('/cost');
  await newest('cost').getByText(/^💰 Today \$/).waitFor();

  await say('/pause debug');
  await newest('control').getByText('Pause · Debugger').waitFor();
  await newest('control').getByText('confirmed').waitFor();
  await say('/agent debug');
  await newest('agent').getByText(/Debugger · paused/).waitFor();
  await say('/resume debug');
  await newest('control').getByText('Resume · Debugger').waitFor();

  await page.locator('#needs .card.loop', { hasText: 'pytest tests/test_net.py -k race' }).waitFor();
  await page.locator('#needs .card.alert', { hasText: 'Scout spent $5.24' }).waitFor();
  const question = page.locator('#needs .card.approval', { hasText: 'Debugger wants to run: pytest tests/' });
  await question.getByRole('button', { name: 'Approve once' }).click();
  await page.locator('#feed .card.approval', { hasText: 'Approved by you · page' }).waitFor();
  await page.locator('#feed .card.approval').getByText('46 passed, 1 failed').waitFor();

  const end = page.locator('.card.completion', { hasText: 'OSINT-12' });
  await end.getByText('Bug resolved. $1.85. 33 min.').waitFor({ timeout: 45_000 });
  const text = await end.innerText();
  assert.match(text, /4 agents · 3 models · tests 47\/47/);
  assert.match(text, /Race condition in network_analysis\.py, line 247/);
  assertClean(you);
});
