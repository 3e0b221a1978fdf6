import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {type Carrier, parseDatastoreName, parseSiteName, type UplinkPair} from '../../src/model/index.ts'
import {
  appendKnown,
  createKeyStore,
  knownFile,
  loadLastKnown,
  readCarriers,
  saveLastKnown,
  writeCarriers,
} from '../../src/store/index.ts'

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
  })

  const damages: readonly [what: string, damage: (whole: string) => string, told: RegExp][] = [
    ['torn in the middle', (whole) => whole.slice(0, whole.length / 2), /checksum/],
    ['without its end', (whole) => whole.replace(/.*\n$/, ''), /checksum/],
    ['with one byte changed', (whole) => whole.replace('"v"', '"w"'), /checksum/],
    ['with a record lost', (whole) => whole.replace(/.*"\/k".*\n/, ''), /checksum/],
    ['of another version', (whole) => whole.replace('"version":1', '"version":2'), /version 2: only 1 is known/],
    ['of zeros, as after a power cut', (whole) => '\0'.repeat(whole.length), /no header/],
    ['empty', () => '', /no header/],
  ]
  for (const [what, damage, told] of damages) {
    it(`sets a last known state aside that is ${what}, and writes a new one`, async () => {
      const known = {...HEADER, records: ['/k', '/l'].map((key) => ({key, value: Buffer.from('v'), modRevision: 3}))}
      const file = knownFile(dir, 'export/b')
      await saveLastKnown(dir, 'export/b', known)
      const damaged = damage(readFileSync(file, 'utf8'))
      writeFileSync(file, damaged)
      const {snapshot, findings} = await loadLastKnown(dir, 'export/b')
      assert.equal(snapshot, null)
      assert.deepEqual(
        findings.map(({code, where}) => [code, where.source]),
        [['state-unreadable', `state ${file}`]],
      )
      assert.match(findings[0]!.detail, told)
      assert.equal(readFileSync(`${file}.damaged`, 'utf8'), damaged)
      await saveLastKnown(dir, 'export/b', known)
      assert.equal((await loadLastKnown(dir, 'export/b')).snapshot?.records.length, 2)
    })
  }

  it('keeps no more of a source than its bound, and the old state where there is more', async () => {
    const small = {...HEADER, records: [{key: '/k', value: Buffer.from('v'), modRevision: 3}]}
    await saveLastKnown(dir, 'export/b', small)
    const value = Buffer.alloc(1000)
    const large = {...HEADER, records: Array.from({length: 257}, (_, i) => ({key: `/k${i}`, value, modRevision: 3}))}
    await assert.rejects(
      saveLastKnown(dir, 'export/b', large, 'all', 256_000),
      /more than the 256000 bytes that are kept/,
    )
    assert.equal((await loadLastKnown(dir, 'export/b')).snapshot?.records.length, 1)
  })

  it('on a full disk the old state stays, and nothing half-written is left', async () => {
    const mount = join(dir, 'small')
    mkdirSync(mount)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount])
    try {
      const records = [{key: '/k', value: Buffer.from('v'), modRevision: 3}]
      await saveLastKnown(mount, 'export/b', {...HEADER, records})
      const large = [{key: '/k', value: Buffer.alloc(200_000, 'x'), modRevision: 4}]
      await assert.rejects(saveLastKnown(mount, 'export/b', {...HEADER, revision: 8, records: large}), {code: 'ENOSPC'})
      const changes = {upserts: large, deletes: [], revision: 8}
      await assert.rejects(appendKnown(mount, 'export/b', HEADER, changes), {code: 'ENOSPC'})
      const {snapshot, findings} = await loadLastKnown(mount, 'export/b')
      assert.deepEqual([snapshot?.revision, snapshot?.records.length, findings], [7, 1, []])
      assert.deepEqual(
        readdirSync(join(mount, 'known')).filter((name) => name.endsWith('.new')),
        [],
      )
      // With room again it goes on.
      execFileSync('mount', ['-o', 'remount,size=1m', mount])
      await saveLastKnown(mount, 'export/b', {...HEADER, revision: 8, records: large})
      assert.equal((await loadLastKnown(mount, 'export/b')).snapshot?.revision, 8)
    } finally {
      execFileSync('umount', [mount])
    }
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

  it('drops a key with its file, and gives its port to the next', async () => {
    const {store} = await createKeyStore(dir)
    await store.make(['b', 'c'])
    const before = store.known()
    await store.drop(['b', 'nobody'])
    assert.deepEqual([...store.known().keys()], ['c'])
    assert.notEqual(store.known(), before)
    assert.ok(!existsSync(before.get('b')!.keyFile))
    await store.make(['b#1'])
    const again = (await createKeyStore(dir)).store.known()
    assert.deepEqual(again, store.known())
    assert.equal(again.get('b#1')!.port, before.get('b')!.port)
    assert.notEqual(again.get('b#1')!.publicKey, before.get('b')!.publicKey)
  })

  it('finds again which tunnels stand between uplinks; what is no such file is set aside', async () => {
    const carrier: Carrier = {slot: 1, serial: 3, encapsulation: 'wireguard', phase: 'joining'}
    const older: Carrier = {slot: 0, serial: 2, after: 7, encapsulation: 'ipip', phase: 'open'}
    const pair: UplinkPair = 'a/a1/wan b/b1/wan'
    const stored = {carriers: new Map([[pair, [older, carrier]]]), asked: new Set([pair])}
    await writeCarriers(dir, stored)
    assert.deepEqual(await readCarriers(dir), {...stored, findings: []})
    const pairs = (carriers: unknown) => JSON.stringify({schema: 1, pairs: {[pair]: {carriers}}})
    for (const text of ['{', '{"schema":2}', pairs([]), pairs([carrier, carrier]), pairs([{...carrier, phase: 'x'}])]) {
      writeFileSync(join(dir, 'tunnels.json'), text)
      const {carriers, findings} = await readCarriers(dir)
      assert.equal(carriers.size, 0, text)
      assert.deepEqual(
        findings.map(({code}) => code),
        ['state-unreadable'],
        text,
      )
    }
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
