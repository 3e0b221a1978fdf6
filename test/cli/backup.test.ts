import assert from 'node:assert/strict'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import {createServer} from 'node:http'
import {tmpdir} from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import {VERSION} from '../../src/api/client.ts'
import {type Backup, NoBackup, packBackup, unpackBackup} from '../../src/cli/backup-archive.ts'
import {isNewer} from '../../src/cli/versions.ts'
import {cli} from '../support/run-cli.ts'

const YAML = (folder: string, gateway = 'a1'): string => `version: 1
site: a
gateway: ${gateway}
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks: [{name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}]
owns: [10.1.0.0/16]
datastores:
  - name: main
    kind: isthmus
    endpoints: ['https://192.0.2.9:2379']
    tls: {ca: ${folder}/ca.pem, cert: ${folder}/own.pem, key: ${folder}/own.key}
    export: {}
authorities: [a]
paths: {state: ${folder}/state, run: ${folder}/run}
`

describe('backup and restore', () => {
  let folder: string
  let config: string
  const file = (name: string): string => path.join(folder, name)
  const backup = () => cli(['backup', '--config', config, '-o', file('one.backup')])
  const restore = (...more: string[]) => cli(['restore', file('one.backup'), ...more])
  /** Every file but backups, with content and mode. */
  const all = async (): Promise<Record<string, string>> => {
    const entries = await readdir(folder, {recursive: true, withFileTypes: true})
    const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.backup'))
    const told = files.map(async (entry) => {
      const place = path.join(entry.parentPath, entry.name)
      const {mode} = await stat(place)
      return [path.relative(folder, place), `${(mode & 0o777).toString(8)} ${await readFile(place, 'latin1')}`]
    })
    return Object.fromEntries((await Promise.all(told)).sort())
  }

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-backup-'))
    config = file('gateway.yaml')
    await writeFile(config, YAML(folder), {mode: 0o640})
    for (const name of ['ca.pem', 'own.pem', 'own.key'])
      await writeFile(file(name), `${name} as it was\n`, {mode: 0o600})
    await mkdir(file('state/keys'), {recursive: true})
    await writeFile(file('state/keys/51820.key'), 'secret\n', {mode: 0o600})
    await writeFile(file('state/keys/index.json'), '{}\n', {mode: 0o600})
    await mkdir(file('state/known'))
    await writeFile(file('state/known/export-b.jsonl'), 'from etcd\n')
  })
  afterEach(() => rm(folder, {recursive: true, force: true}))

  it('what is there and cannot be read is not left out: no backup is made, and none is put over it', async () => {
    await backup()
    await rm(file('state/keys'), {recursive: true})
    await symlink(file('state/again'), file('state/keys'))
    await symlink(file('state/keys'), file('state/again'))
    const made = await backup()
    assert.equal(made.status, 2)
    assert.match(made.err, /no backup was made: ELOOP/)
    await rm(config)
    await mkdir(config)
    const restored = await restore()
    assert.equal(restored.status, 2)
    assert.match(restored.err, /EISDIR/)
    assert.deepEqual(await readdir(config), [])
  })

  it('is one file for its owner alone, and puts back what was changed, lost or opened', async () => {
    const {status, out} = await backup()
    assert.equal(status, 0)
    assert.match(out, /gateway a1 of site a, 6 files, not encrypted: it holds keys/)
    assert.equal((await stat(file('one.backup'))).mode & 0o777, 0o600)
    const before = await all()
    await writeFile(config, YAML(folder).replace('deny', 'allow'))
    await rm(file('state/keys'), {recursive: true})
    await chmod(file('own.key'), 0o644)
    const restored = await restore()
    assert.equal(restored.status, 0, restored.err)
    const {'gateway.yaml.before-restore': aside, ...after} = await all()
    assert.deepEqual(after, before)
    assert.match(aside!, /default: allow/)
  })

  it('on an empty machine too', async () => {
    await backup()
    const {'state/known/export-b.jsonl': _, ...before} = await all()
    await rm(file('state'), {recursive: true})
    for (const name of ['gateway.yaml', 'ca.pem', 'own.pem', 'own.key']) await rm(file(name))
    assert.equal((await restore()).status, 0)
    assert.deepEqual(await all(), before)
  })

  it('a link stays one, and what it leads to is put back, with its owner; one that leads nowhere becomes a file', async () => {
    await mkdir(file('live'))
    for (const name of ['own.pem', 'own.key', 'gateway.yaml']) {
      await rename(file(name), file(`live/${name}`))
      await symlink(`live/${name}`, file(name))
    }
    await chown(file('live/own.key'), 0, 4711)
    await backup()
    for (const name of ['own.key', 'gateway.yaml']) await writeFile(file(`live/${name}`), 'other\n')
    await rm(file('live/own.pem'))
    const {status, err} = await restore()
    assert.equal(status, 0, err)
    assert.equal(await readlink(file('own.key')), 'live/own.key')
    assert.equal(await readlink(file('gateway.yaml')), 'live/gateway.yaml')
    assert.equal(await readFile(file('live/own.key'), 'utf8'), 'own.key as it was\n')
    assert.equal((await stat(file('live/own.key'))).gid, 4711)
    assert.equal(await readFile(file('live/gateway.yaml'), 'utf8'), YAML(folder))
    assert.equal(await readFile(file('live/gateway.yaml.before-restore'), 'utf8'), 'other\n')
    assert.ok((await lstat(file('own.pem'))).isFile())
    assert.deepEqual(
      (await readdir(folder, {recursive: true})).filter((name) => name.endsWith('.isthmus-restore')),
      [],
    )
  })

  it('a file that is there keeps its owner and group, whatever its folder’s are', async () => {
    await chmod(file('own.key'), 0o640)
    await chown(file('own.key'), 0, 4711)
    await backup()
    await writeFile(file('own.key'), 'other\n')
    assert.equal((await restore()).status, 0)
    const {gid, mode} = await stat(file('own.key'))
    assert.deepEqual([gid, mode & 0o777], [4711, 0o640])
    // One that is gone has them by name.
    await chown(file('own.key'), 0, 1)
    await backup()
    await rm(file('own.key'))
    assert.equal((await restore()).status, 0)
    assert.equal((await stat(file('own.key'))).gid, 1)
  })

  it('what the daemon keeps is no way out of its folder', async () => {
    await backup()
    await writeFile(file('elsewhere'), 'not ours\n')
    await rm(file('state/keys/51820.key'))
    await symlink('../../elsewhere', file('state/keys/51820.key'))
    assert.equal((await restore()).status, 0)
    assert.equal(await readFile(file('elsewhere'), 'utf8'), 'not ours\n')
    assert.ok((await lstat(file('state/keys/51820.key'))).isFile())
  })

  it('has every file that the configuration names: those of the API, of datastores that are files, and passwords', async () => {
    const names = ['api.pem', 'api.key', 'people.pem', 'policies.yaml', 'wan.key']
    for (const name of names) await writeFile(file(name), `${name} as it was\n`, {mode: 0o600})
    const more = [
      `api: {listen: '192.0.2.1:9443', tls: {cert: ${file('api.pem')}, key: ${file('api.key')}, clientCa: ${file('people.pem')}}}`,
      `peers: [{name: wan1, address: 192.0.2.254, as: 64900, password: {file: ${file('wan.key')}}, import: [], export: []}]`,
    ]
    const own = `  - {name: rules, kind: file, path: ${file('policies.yaml')}}\nauthorities:`
    await writeFile(config, YAML(folder).replace('authorities:', own) + more.join('\n'))
    const {status, err} = await backup()
    assert.equal(status, 0, err)
    const before = await all()
    for (const name of names) await rm(file(name))
    assert.equal((await restore()).status, 0)
    const {'gateway.yaml.before-restore': _, ...after} = await all()
    assert.deepEqual(after, before)
  })

  it('a dry run names every file and changes none', async () => {
    await backup()
    await rm(file('own.key'))
    const before = await all()
    const {status, out} = await restore('--dry-run')
    assert.equal(status, 0)
    assert.match(out, /would put .*own\.key\n/)
    assert.deepEqual(await all(), before)
  })

  it('encrypted: opened by its passphrase only', async () => {
    await writeFile(file('pass'), 'correct horse\n')
    await writeFile(file('other'), 'wrong horse\n')
    const made = await cli(['backup', '--config', config, '-o', file('one.backup'), '--passphrase-file', file('pass')])
    assert.match(made.out, /, encrypted\n/)
    assert.match((await restore()).err, /it is encrypted: name its passphrase/)
    assert.match(
      (await restore('--passphrase-file', file('other'))).err,
      /the passphrase is another one, or it is damaged/,
    )
    assert.equal((await restore('--passphrase-file', file('pass'))).status, 0)
  })

  const refused: {name: string; spoil: () => Promise<unknown>; says: RegExp}[] = [
    {
      name: 'of another gateway',
      spoil: () => writeFile(config, YAML(folder, 'a2')),
      says: /of gateway a1 of site a, and this machine is a2 of a: .*factory-reset/,
    },
    {
      name: 'of a newer version',
      spoil: () => rewrite((held) => ({...held, version: '99.0.0'})),
      says: /isthmus 99\.0\.0 made it, and this is \S+: install 99\.0\.0 or newer first/,
    },
    {
      name: 'with a configuration that this version refuses',
      spoil: () =>
        rewrite((held) => ({
          ...held,
          files: held.files.map((one) =>
            one.path === held.config ? {...one, content: Buffer.from('site: a\n').toString('base64')} : one,
          ),
        })),
      says: /its configuration is refused by this version: .*missing, and required/,
    },
    {
      name: 'that is damaged',
      spoil: async () => {
        const content = await readFile(file('one.backup'))
        content[content.length - 9]! ^= 1
        await writeFile(file('one.backup'), content)
      },
      says: /it is damaged: its checksum does not fit/,
    },
    {name: 'that is none', spoil: () => writeFile(file('one.backup'), 'hello\n'), says: /it is no backup of Isthmus/},
    {
      name: 'that leads out of its folders',
      spoil: () => rewrite((held) => ({...held, files: [{path: '/etc/../x', mode: 0o600, content: ''}]})),
      says: /it is damaged: something is missing in it/,
    },
  ]
  const rewrite = async (change: (held: Backup) => Backup): Promise<void> => {
    const held = unpackBackup(await readFile(file('one.backup')), null)
    await writeFile(file('one.backup'), packBackup(change(held), null))
  }
  for (const {name, spoil, says} of refused) {
    it(`a backup ${name} is refused, and changes nothing`, async () => {
      await backup()
      await spoil()
      await rm(file('own.key'))
      const before = await all()
      const {status, err} = await restore()
      assert.equal(status, 1)
      assert.match(err, says)
      assert.deepEqual(await all(), before)
    })
  }

  it('a gateway that runs is not restored under its feet', async () => {
    await backup()
    const server = createServer((_, response) => response.end('{}'))
    await new Promise<void>((resolve) => server.listen(file('api.sock'), resolve))
    try {
      const {status, err} = await cli(['restore', file('one.backup')], file('api.sock'))
      assert.equal(status, 1)
      assert.match(err, /systemctl stop isthmus/)
    } finally {
      server.close()
    }
  })

  it('where one file cannot be written none is', async () => {
    await backup()
    await rm(file('state'), {recursive: true})
    await writeFile(file('state'), 'a file where a folder should be\n')
    const before = await all()
    assert.equal((await restore()).status, 2)
    assert.deepEqual(await all(), before)
  })

  it('factory-reset says what would go, and with --yes it goes', async () => {
    const words = ['factory-reset', '--config', config, '--state', file('state')]
    const before = await all()
    const asked = await cli(words)
    assert.equal(asked.status, 1)
    assert.match(asked.out, /would remove .*gateway\.yaml\n.*state\/keys\n/)
    assert.deepEqual(await all(), before)
    assert.equal((await cli([...words, '--yes'])).status, 0)
    // Elsewhere than in /etc/isthmus the folder may be anybody's.
    assert.deepEqual(Object.keys(await all()), ['ca.pem', 'own.key', 'own.pem'])
  })

  it('what was packed is what is unpacked, and one byte that differs is found', () => {
    const one = fc
      .uint8Array()
      .map((bytes) => ({path: '/x', mode: bytes.length, content: Buffer.from(bytes).toString('base64')}))
    fc.assert(
      fc.property(fc.array(one), fc.nat(), (files, at) => {
        const whole: Backup = {
          version: VERSION,
          site: 'a',
          gateway: 'a1',
          madeAt: 'now',
          config: '/c',
          state: '/s',
          files,
        }
        const archive = packBackup(whole, null)
        assert.deepEqual(unpackBackup(archive, null), whole)
        archive[at % archive.length]! ^= 0x20
        assert.throws(() => unpackBackup(archive, null), NoBackup)
      }),
    )
  })

  it('versions', () => {
    const order = ['nonsense', '0.1.0-rc.1', '0.1.0', '0.1.1', '0.2.0', '0.10.0', '1.0.0']
    for (const [index, one] of order.entries()) {
      for (const [other, two] of order.entries()) assert.equal(isNewer(one, two), index > other, `${one} ${two}`)
    }
  })
})
