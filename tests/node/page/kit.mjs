// What the tests of the phone page stand on: a real sereno on a store of its own, a fleet that reports to it and
// obeys it, and Chromium. Whatever is started here is ended here, by its own handle.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const PROGRAM = process.env.SERENO;
const TOKEN = 'a-token-for-the-tests-of-the-page-0123456789';
const SECRET = `whsec_${Buffer.from('a secret that signs control calls').toString('base64')}`;
const PATIENCE = 30_000;
const opened = [];

/** Ends whatever was started, the newest first; for `after`. */
export async function endAll() {
  while (opened.length) await opened.pop()();
}

/** Waits until `probe` answers with something true, and gives that back. */
export async function until(what, probe, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${patience} ms in vain: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A program of ours, its standard output line by line. */
class Program {
  constructor(args, cwd) {
    assert.ok(PROGRAM, 'SERENO names the binary; run the tests with ./tests/run');
    this.lines = [];
    this.errors = '';
    this.child = spawn(PROGRAM, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: this.child.stdout }).on('line', (line) => this.lines.push(line));
    this.child.stderr.on('data', (data) => { this.errors += data; });
    this.ended = once(this.child, 'exit');
    opened.push(() => this.end());
  }

  /** The first match of `pattern` in what it has printed. */
  printed(pattern) {
    return until(`the program prints ${pattern}`, () => {
      assert.equal(this.child.exitCode, null, `the program ended:\n${this.errors}`);
      return pattern.exec(this.lines.join('\n'));
    });
  }

  async end(signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.ended;
  }
}

/** Starts `sereno demo`. */
export async function demo(...args) {
  const port = await freePort();
  const program = new Program(['demo', '--listen', `127.0.0.1:${port}`, ...args]);
  const [link] = await program.printed(/http:\S+#signin=\S+/);
  return { link, url: `http://127.0.0.1:${port}`, program };
}

/** `sereno serve`, with the same store and address through every restart. */
export class Sereno {
  static async start({ people = { ana: 'admin' }, publicUrl, person = '', extra = '' } = {}) {
    const sereno = new Sereno();
    sereno.folder = await mkdtemp(join(tmpdir(), 'sereno-page-'));
    opened.push(() => rm(sereno.folder, { recursive: true }));
    sereno.port = await freePort();
    sereno.url = `http://127.0.0.1:${sereno.port}`;
    sereno.calls = [];
    await sereno.#obey();
    const persons = Object.entries(people).map(([name, role]) => `[people.${name}]\nrole = "${role}"\n${person}`);
    await writeFile(join(sereno.folder, 'sereno.toml'), [
      `[http]\nlisten = "127.0.0.1:${sereno.port}"\npublic_url = "${publicUrl ?? sereno.url}"\n`,
      `[store]\nurl = "sqlite://${join(sereno.folder, 'sereno.db')}"\n`,
      ...persons,
      `[runtimes.fleet]\nkind = "generic"\ntoken = "${TOKEN}"\nsecret = "${SECRET}"\ncontrol_url = "${sereno.control}"\n`,
      extra,
    ].join('\n'), { mode: 0o600 });
    await sereno.run(Object.keys(people)[0]);
    return sereno;
  }

  /** The fleet's side: it does at once whatever it is told. */
  async #obey() {
    this.fleet = createServer((request, response) => {
      let body = '';
      request.on('data', (data) => { body += data; });
      request.on('end', () => {
        this.calls.push(JSON.parse(body));
        response.setHeader('content-type', 'application/json').end('{"status":"done"}');
      });
    }).listen(0, '127.0.0.1');
    opened.push(() => { this.fleet.closeAllConnections(); this.fleet.close(); });
    await once(this.fleet, 'listening');
    this.control = `http://127.0.0.1:${this.fleet.address().port}/`;
  }

  /** Starts it, with a sign-in link for `person` in `this.link`. */
  async run(person) {
    const link = person ? ['--link', person] : [];
    this.program = new Program(['serve', ...link], this.folder);
    if (person) [this.link] = await this.program.printed(/http\S+#signin=\S+/);
    await until('sereno answers', () => fetch(`${this.url}/healthz`).then((answer) => answer.ok, () => false));
  }

  stop() {
    return this.program.end();
  }

  /** A fresh link for `person`. */
  async linkFor(person) {
    await this.stop();
    await this.run(person);
    return this.link;
  }

  /** Reports events, as a runtime does. */
  async report(...events) {
    for (const event of events) {
      const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
      const answer = await fetch(`${this.url}/hooks/fleet`, { method: 'POST', headers, body: JSON.stringify(event) });
      assert.ok(answer.ok, `${answer.status} ${await answer.text()} for ${JSON.stringify(event)}`);
    }
  }
}

let ids = 0;

/** A question of `agent` that somebody has to decide. */
export const question = (agent, command, more = {}) => ({
  type: 'approval.requested',
  agent: { id: agent.toLowerCase(), name: agent },
  session: { id: `${agent.toLowerCase()}-1`, cwd: '/srv/osint' },
  task: { id: 'OSINT-12', title: 'Fix network_analysis.py' },
  approval: { id: `question-${ids += 1}`, action: { tool: 'Bash', input: { command }, cwd: '/srv/osint' }, ...more },
});

/** A browser that speaks to this machine only. */
export async function browser() {
  const chrome = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  opened.push(() => chrome.close());
  return chrome;
}

/** A phone: a context with one page, and a record of everything that a page must not do. */
export async function phone(chrome, origin, options = {}) {
  const context = await chrome.newContext({ viewport: { width: 360, height: 780 }, locale: 'en-GB', ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const faults = [];
  /** While the server is away, failed requests are no fault. */
  const record = { context, page, faults, offline: false };
  const fault = (kind, text) => { if (!record.offline) faults.push(`${kind}: ${text}`); };
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== new URL(origin).origin && !['data:', 'blob:'].includes(url.protocol)) fault('foreign request', url.href);
  });
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) fault('console', message.text()); });
  page.on('pageerror', (error) => fault('script', error.message));
  page.on('dialog', (dialog) => { fault('dialog', dialog.message()); dialog.dismiss(); });
  page.on('popup', (popup) => fault('popup', popup.url()));
  await page.exposeFunction('reportViolation', (what) => fault('policy', what));
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) => {
    window.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
  }));
  return record;
}

/** Signs in on a new phone as `person`. */
export async function signedIn(chrome, sereno, person, options = {}) {
  const link = person ? await sereno.linkFor(person) : sereno.link;
  const one = await phone(chrome, sereno.url, options);
  await one.page.goto(link);
  await one.page.getByRole('button', { name: 'Sign in here' }).click();
  await one.page.locator('#link.on').waitFor();
  return one;
}

/** Nothing happened on the phone that must not happen. */
export const assertClean = (one) => assert.deepEqual(one.faults, []);
