import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {type IncomingHttpHeaders, request} from 'node:http'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {brotliDecompressSync, gunzipSync} from 'node:zlib'
import {type RunningApi, startApi} from '../../src/api/index.ts'
import {fakeView} from '../support/fake-view.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

describe('console, served', function () {
  this.timeout(30_000)
  let folder: string
  let api: RunningApi
  let weight: number

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-console-'))
    const {buildConsole} = await import(path.join(ROOT, 'scripts/build-console.mjs'))
    weight = await buildConsole(ROOT, path.join(folder, 'console'))
    api = await start(path.join(folder, 'console'))
  })
  after(async () => {
    await api.close()
    await rm(folder, {recursive: true})
  })

  const socketPath = (): string => path.join(folder, 'api.sock')
  const start = (consoleFolder: string): Promise<RunningApi> =>
    startApi({view: fakeView(), socketPath: socketPath(), metrics: null, consoleFolder, onError: assert.fail})

  const get = (served: string, encoding = ''): Promise<Got> =>
    new Promise((resolve, reject) => {
      request({socketPath: socketPath(), path: served, headers: {'accept-encoding': encoding}}, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('end', () =>
          resolve({status: incoming.statusCode!, headers: incoming.headers, body: Buffer.concat(chunks)}),
        )
      })
        .on('error', reject)
        .end()
    })

  it('is a page that lets in nothing but its own, and names files that change with their contents', async () => {
    const {status, headers, body} = await get('/')
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /unsafe|data:|\*|https?:/)
    const html = body.toString()
    assert.doesNotMatch(html, /<script>|<style|style=|\son\w+=|https?:|\/\//)
    const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => `/${file}`)
    assert.equal(named.length, 4)
    for (const file of named) {
      const asset = await get(file)
      assert.equal(asset.status, 200, file)
      assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
    }
  })

  it('comes packed as the browser likes it, and unpacked is the same', async () => {
    const script = /src="(assets\/index[^"]+)"/.exec((await get('/')).body.toString())?.[1]
    const plain = await get(`/${script}`)
    const [brotli, gzip] = [
      await get(`/${script}`, 'gzip, deflate, br'),
      await get(`/${script}`, 'gzip;q=1.0, deflate'),
    ]
    assert.deepEqual(
      [brotli, gzip].map(({headers}) => headers['content-encoding']),
      ['br', 'gzip'],
    )
    assert.equal(plain.headers['content-encoding'], undefined)
    assert.ok(brotliDecompressSync(brotli.body).equals(plain.body))
    assert.ok(gunzipSync(gzip.body).equals(plain.body))
    assert.equal(plain.headers.vary, 'accept-encoding')
  })

  it('names no address of elsewhere but those that name a language', async () => {
    const script = /src="(assets\/index[^"]+)"/.exec((await get('/')).body.toString())?.[1]
    const found = [...(await get(`/${script}`)).body.toString().matchAll(/https?:\/\/[^"'`\s)]+/g)].map(([url]) => url)
    assert.deepEqual(
      [...new Set(found)].filter((url) => !url.startsWith('http://www.w3.org/')),
      [],
    )
  })

  it('is under 200 KB, fonts and all', () => assert.ok(weight < 200_000, `${weight} bytes`))

  it('has runbooks as plain text, with a list that knows codes of findings', async () => {
    const {names, byCode} = JSON.parse((await get('/runbooks/list.json')).body.toString())
    assert.ok(names.includes('IsthmusTunnelDown'))
    for (const name of Object.values(byCode)) assert.ok(names.includes(name))
    const {headers, body} = await get('/runbooks/IsthmusTunnelDown.md')
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    assert.match(body.toString(), /^# IsthmusTunnelDown/)
  })

  for (const served of ['/assets/x.js', '/runbooks/README.md', '/assets/..%2Ffiles.json', '/assets/', '/files.json']) {
    it(`has nothing at ${served}`, async () => assert.equal((await get(served)).status, 404))
  }

  it('is missing in a build without it, and nothing else is', async () => {
    await api.close()
    api = await start(path.join(folder, 'nowhere'))
    assert.deepEqual([(await get('/')).status, (await get('/v1/status')).status], [404, 200])
  })
})
