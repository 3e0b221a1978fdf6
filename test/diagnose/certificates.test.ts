import assert from 'node:assert/strict'
import {chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {readPasswordFile, readTlsFiles} from '../../src/certificates/index.ts'
import {judgeInsecure, judgePassword, judgeTlsFiles} from '../../src/diagnose/index.ts'
import {type Issued, issuedFolder} from '../support/issued.ts'

const DAY_MS = 86_400_000

describe('judgeTlsFiles, over real files', () => {
  let issued: Issued
  before(async () => {
    issued = issuedFolder()
    await issued.make('ca', {days: 100})
    await issued.make('other')
    await issued.make('middle', {issuer: 'ca', authority: true, usages: [], days: 100})
    await issued.make('gateway', {issuer: 'ca'})
    await issued.make('below', {issuer: 'middle'})
    await issued.make('server', {issuer: 'ca', usages: ['serverAuth']})
    await issued.make('nobody', {issuer: 'ca', subject: {organisation: 'test', commonName: null}})
    await issued.make('old', {issuer: 'ca'})
    issued.expire('old', 'ca')
    const text = (file: string): string => readFileSync(issued.at(file), 'utf8')
    const leaf = text('below.pem').split(/(?<=-----END CERTIFICATE-----\n)/)[0]!
    writeFileSync(issued.at('leaf-only.pem'), leaf)
    writeFileSync(issued.at('middle-only.pem'), text('middle.pem'))
    writeFileSync(issued.at('both.pem'), text('middle.pem') + text('ca.pem'))
    writeFileSync(issued.at('rotating.pem'), text('other.pem') + text('ca.pem'))
    writeFileSync(issued.at('broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    writeFileSync(issued.at('huge.pem'), Buffer.alloc(2 << 20, 'x'))
    writeFileSync(issued.at('key.pem'), text('gateway.key'))
    mkdirSync(issued.at('folder.pem'))
    cpSync(issued.at('gateway.key'), issued.at('open.key'))
    chmodSync(issued.at('open.key'), 0o644)
  })
  after(() => issued.remove())

  const judge = async (ca: string, cert: string | null, key: string | null, inDays = 0): Promise<string> => {
    const at = (file: string | null): string | null => file && issued.at(file)
    const facts = await readTlsFiles({ca: issued.at(ca), cert: at(cert), key: at(key)})
    return judgeTlsFiles('datastore main', facts, Date.now() + inDays * DAY_MS)
      .map(({code, severity, where, detail}) => `${severity} ${code} ${where.field}: ${detail}`)
      .join('\n')
      .replaceAll(`${issued.folder}/`, '')
  }

  const cases: {
    name: string
    files: [ca: string, cert: string | null, key: string | null]
    inDays?: number
    told: RegExp
  }[] = [
    {name: 'all is well', files: ['ca.pem', 'gateway.pem', 'gateway.key'], told: /^$/},
    {name: 'only an authority', files: ['ca.pem', null, null], told: /^$/},
    {name: 'a chain in the file', files: ['ca.pem', 'below.pem', 'below.key'], told: /^$/},
    {name: 'the issuer among the authorities', files: ['both.pem', 'leaf-only.pem', 'below.key'], told: /^$/},
    {
      name: 'a month before the end',
      files: ['ca.pem', 'gateway.pem', 'gateway.key'],
      inDays: 31,
      told: /^warning certificate-expiring tls\.cert: gateway\.pem: .*CN=gateway expires in 28 d, on 20\d\d-\d\d-\d\d$/,
    },
    {
      name: 'a week before the end',
      files: ['ca.pem', 'gateway.pem', 'gateway.key'],
      inDays: 54,
      told: /^error certificate-expiring tls\.cert: .*expires in 5 d/,
    },
    {
      name: 'behind the end',
      files: ['ca.pem', 'old.pem', 'old.key'],
      told: /^error certificate-expired tls\.cert: old\.pem: .*CN=old expired on/,
    },
    {
      name: 'an authority at its end',
      files: ['ca.pem', null, null],
      inDays: 101,
      told: /^error certificate-expired tls\.ca: ca\.pem: /,
    },
    {name: 'an old authority beside a new one', files: ['rotating.pem', null, null], inDays: 62, told: /^$/},
    {
      name: 'a clock that is behind',
      files: ['ca.pem', null, null],
      inDays: -1,
      told: /^error certificate-not-yet-valid tls\.ca: .*not valid for another 2[45] h$/,
    },
    {
      name: 'the key of another',
      files: ['ca.pem', 'gateway.pem', 'old.key'],
      told: /^error certificate-key-mismatch tls\.key: old\.key is not the key of gateway\.pem$/,
    },
    {
      name: 'a key that is open',
      files: ['ca.pem', 'gateway.pem', 'open.key'],
      told: /^warning certificate-key-open tls\.key: open\.key .*\(mode 0644\)$/,
    },
    {
      name: 'not for clients',
      files: ['ca.pem', 'server.pem', 'server.key'],
      told: /^error certificate-usage tls\.cert: .*is for serverAuth, not for clients/,
    },
    {
      name: 'no user',
      files: ['ca.pem', 'nobody.pem', 'nobody.key'],
      told: /^warning certificate-usage tls\.cert: .*no user/,
    },
    {
      name: 'no authority in ca',
      files: ['gateway.pem', null, null],
      told: /^error certificate-usage tls\.ca: .*CN=gateway is no authority .*\nerror certificate-chain/,
    },
    {
      name: 'only an intermediate authority',
      files: ['middle-only.pem', null, null],
      told: /^error certificate-chain tls\.ca: middle-only\.pem ends in O=test, CN=ca, which is not in it/,
    },
    {
      name: 'a chain that breaks off',
      files: ['ca.pem', 'leaf-only.pem', 'below.key'],
      told: /^warning certificate-chain tls\.cert: leaf-only\.pem: .*breaks off at O=test, CN=middle$/,
    },
    {
      name: 'no such file',
      files: ['none.pem', null, null],
      told: /^error certificate-unreadable tls\.ca: none\.pem: ENOENT/,
    },
    {
      name: 'not a certificate',
      files: ['broken.pem', null, null],
      told: /^error certificate-unreadable tls\.ca: broken\.pem: no certificate in PEM/,
    },
    {
      name: 'a key in place of a certificate',
      files: ['ca.pem', 'key.pem', 'gateway.key'],
      told: /^error certificate-unreadable tls\.cert: key\.pem: no certificate in PEM/,
    },
    {
      name: 'a certificate in place of a key',
      files: ['ca.pem', 'gateway.pem', 'gateway.pem'],
      told: /error certificate-unreadable tls\.key: gateway\.pem: no private key in PEM/,
    },
    {
      name: 'far too large',
      files: ['huge.pem', null, null],
      told: /^error certificate-unreadable tls\.ca: .*far too large$/,
    },
    {
      name: 'a folder',
      files: ['folder.pem', null, null],
      told: /^error certificate-unreadable tls\.ca: folder\.pem: (not a file|EISDIR)/,
    },
  ]
  for (const {name, files, inDays, told} of cases) {
    it(name, async () => assert.match(await judge(...files, inDays), told))
  }

  it('a named pipe holds nobody up', async () => {
    const {execFileSync} = await import('node:child_process')
    execFileSync('mkfifo', [issued.at('pipe.pem')])
    assert.match(await judge('pipe.pem', null, null), /pipe\.pem: not a file$/)
    rmSync(issued.at('pipe.pem'))
  })
})

describe('judgeInsecure', () => {
  const cases = [
    {name: 'mutual TLS', endpoints: ['https://x:1'], tls: {ca: 'ca', cert: 'c', key: 'k'}, told: []},
    {name: 'clear text', endpoints: ['http://x:1'], tls: null, told: ['datastore-insecure']},
    {
      name: 'no client certificate',
      endpoints: ['https://x:1'],
      tls: {ca: 'ca', cert: null, key: null},
      told: ['datastore-insecure'],
    },
    {
      name: 'a user by password, over TLS',
      endpoints: ['https://x:1'],
      tls: {ca: 'ca', cert: null, key: null},
      user: {name: 'isthmus', passwordFile: '/p'},
      told: [],
    },
    {
      name: 'a user by password, in clear text',
      endpoints: ['http://x:1'],
      tls: null,
      user: {name: 'isthmus', passwordFile: '/p'},
      told: ['datastore-insecure'],
    },
    {name: 'no etcd at all', endpoints: [], tls: null, told: []},
  ]
  for (const {name, told, ...place} of cases) {
    it(name, () =>
      assert.deepEqual(
        judgeInsecure('datastore main', {user: null, ...place}).map(({code}) => code),
        told,
      ),
    )
  }
})

describe('judgePassword, over real files', () => {
  let issued: Issued
  before(() => {
    issued = issuedFolder()
  })
  after(() => issued.remove())

  const cases: {name: string; text: string | null; mode?: number; told: RegExp}[] = [
    {name: 'all is well', text: 'secret\n', told: /^$/},
    {name: 'its group may read it', text: 'secret', mode: 0o640, told: /^$/},
    {
      name: 'everybody may read it',
      text: 'secret\n',
      mode: 0o644,
      told: /^warning password-open user\.password\.file: file is open to everybody on this machine \(mode 0644\)$/,
    },
    {name: 'empty', text: '\n', told: /^error password-unreadable user\.password\.file: file: empty$/},
    {name: 'not there', text: null, told: /^error password-unreadable user\.password\.file: file: ENOENT/},
  ]
  for (const {name, text, mode = 0o600, told} of cases) {
    it(name, async () => {
      const file = issued.at('file')
      rmSync(file, {force: true})
      if (text !== null) {
        writeFileSync(file, text)
        chmodSync(file, mode)
      }
      const findings = judgePassword('datastore main', await readPasswordFile(file))
      const lines = findings.map(({code, severity, where, detail}) => `${severity} ${code} ${where.field}: ${detail}`)
      assert.match(lines.join('\n').replaceAll(`${issued.folder}/`, ''), told)
      assert.equal(JSON.stringify(findings).includes('secret'), false)
    })
  }
})
