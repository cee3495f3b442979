// telegram-test-api behind a thin front that adds what a strict client needs: dates in seconds, an offset
// that confirms, polls that wait, the edited message in the answer to an edit. Prints the ports of the
// front and of the emulator, and ends when its standard input does.

import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';

const TelegramServer = createRequire(import.meta.url)('telegram-test-api');

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const emulator = new TelegramServer({ port: await freePort(), host: '127.0.0.1', storeTimeout: 600 });
await emulator.start();

let queue = [];

const seconds = (date) => (date > 1e11 ? Math.floor(date / 1000) : date);

// What the emulator leaves out of an update.
function mend(update) {
  const message = update.message ?? update.callback_query.message;
  message.date = seconds(message.date);
  if (update.callback_query) update.callback_query.chat_instance = '1';
  return update;
}

const asMessage = (chat, id, text, markup) => ({
  message_id: id,
  date: 1700000000,
  chat: { id: Number(chat), type: 'private', first_name: 'ana' },
  from: { id: 666, is_bot: true, first_name: 'sereno' },
  text,
  ...(markup ? { reply_markup: markup } : {}),
});

async function ask(token, method, params) {
  const answer = await fetch(`${emulator.config.apiURL}/bot${token}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(params),
  });
  return answer.json();
}

async function poll(token, { offset = 0, timeout = 0 }, isOpen) {
  queue = queue.filter((update) => update.update_id >= offset);
  for (const end = Date.now() + timeout * 1000; isOpen(); ) {
    const { result } = await ask(token, 'getUpdates', {});
    queue.push(...result.map(mend));
    if (queue.length || Date.now() >= end) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { ok: true, result: queue };
}

async function carryOut(token, method, params, isOpen) {
  switch (method) {
    case 'getUpdates':
      return poll(token, params, isOpen);
    case 'setMyCommands':
      return { ok: true, result: true };
    case 'answerCallbackQuery':
      return { ...(await ask(token, method, params)), result: true };
    case 'sendMessage': {
      const { result } = await ask(token, method, params);
      return { ok: true, result: asMessage(params.chat_id, result.message_id, params.text, params.reply_markup) };
    }
    case 'editMessageText':
      await ask(token, method, params);
      return { ok: true, result: asMessage(params.chat_id, params.message_id, params.text, params.reply_markup) };
    default:
      return ask(token, method, params);
  }
}

const front = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const [, token, name] = request.url.match(/^\/bot([^/]+)\/(\w+)$/);
  const body = Buffer.concat(chunks).toString();
  const method = name[0].toLowerCase() + name.slice(1);
  const isOpen = () => !response.destroyed;
  const answer = await carryOut(token, method, body ? JSON.parse(body) : {}, isOpen);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(answer));
});

front.listen(0, '127.0.0.1', () => console.log(`${front.address().port} ${emulator.config.port}`));
process.stdin.on('end', () => process.exit(0)).resume();
