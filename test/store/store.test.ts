import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {parseDatastoreName, parseSiteName} from '../../src/model/index.ts'
import {createKeyStore, knownFile, loadLastKnown, saveLastKnown} from '../../src/store/index.ts'

const HEADER = {
  site: parseSiteName('a')!,
  source: 'datastore',
  datastore: parseDatastoreName('main')!,
  clusterId: '18446744073709551615',
  revision: 7,
} as const

describe('the state directory', () => {
  let dir = ''
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-store-'))
  })
  afterEach(() => rmSync(dir, {recursive: true}))

  it('keeps a source across a restart; what is not there is no finding; what is broken is one', async () => {
    assert.deepEqual(await loadLastKnown(dir, 'export/b'), {snapshot: null, findings: []})
    await saveLastKnown(dir, 'export/b', {...HEADER, records: [{key: '/k', value: Buffer.from('v'), modRevision: 3}]})
    assert.equal(statSync(knownFile(dir, 'export/b')).mode & 0o777, 0o600)
    const {snapshot} = await loadLastKnown(dir, 'export/b')
    assert.deepEqual(
      snapshot?.records.map(({key, modRevision}) => [key, modRevision]),
      [['/k', 3]],
    )
    writeFileSync(knownFile(dir, 'export/b'), 'torn')
    const broken = await loadLastKnown(dir, 'export/b')
    assert.equal(broken.snapshot, null)
    assert.equal(broken.findings.length, 1)
  })

  it('makes a key once, finds it again, and gives each tunnel its own port', async () => {
    const {store} = await createKeyStore(dir)
    await store.make(['b', 'c'])
    const made = new Map(store.known())
    await store.make(['b', 'c'])
    assert.deepEqual(store.known(), made)
    const again = await createKeyStore(dir)
    assert.deepEqual(again.store.known(), made)
    assert.deepEqual(again.findings, [])
    assert.deepEqual(
      [...made.values()].map(({port}) => port),
      [51820, 51821],
    )
  })

  it('gives the public key that wg gives, in a file that nobody else can read', async () => {
    const {store} = await createKeyStore(dir)
    await store.make(['b'])
    const {publicKey, keyFile} = store.known().get('b')!
    const input = readFileSync(keyFile)
    assert.equal(execFileSync('wg', ['pubkey'], {input}).toString().trim(), publicKey)
    assert.equal(statSync(keyFile).mode & 0o777, 0o600)
    assert.equal(statSync(join(dir, 'keys')).mode & 0o777, 0o700)
    const secret = input.toString().trim()
    for (const file of readdirSync(join(dir, 'keys'))) {
      if (!keyFile.endsWith(file)) assert.ok(!readFileSync(join(dir, 'keys', file), 'utf8').includes(secret))
    }
  })

  it('closes a key file that was open to others, and says so', async () => {
    const {store} = await createKeyStore(dir)
    await store.make(['b'])
    const {keyFile} = store.known().get('b')!
    chmodSync(keyFile, 0o644)
    const {findings} = await createKeyStore(dir)
    assert.match(findings[0]!.detail, /mode 644/)
    assert.equal(statSync(keyFile).mode & 0o777, 0o600)
  })

  it('a broken key is a finding, and a new one is made for it', async () => {
    const {store} = await createKeyStore(dir)
    await store.make(['b'])
    writeFileSync(store.known().get('b')!.keyFile, 'AAAA\n')
    const again = await createKeyStore(dir)
    assert.equal(again.store.known().size, 0)
    assert.equal(again.findings.length, 1)
    await again.store.make(['b'])
    assert.equal(again.store.known().size, 1)
  })
})
