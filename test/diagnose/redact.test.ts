import assert from 'node:assert/strict'
import {generateKeyPairSync, randomBytes} from 'node:crypto'
import fc from 'fast-check'
import {REDACTED, redact, SHORTEST_SECRET} from '../../src/diagnose/index.ts'

const wireguardKey = (): string => randomBytes(32).toString('base64')
const pem = (): string =>
  generateKeyPairSync('ec', {namedCurve: 'P-256'}).privateKey.export({type: 'pkcs8', format: 'pem'}) as string
const lines = (key: string): string[] => key.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))

/** Known by their shape alone: nobody has told that they are secret. */
const shapes: readonly (readonly [text: string, gone: string, stays?: string])[] = [
  ['password: hunter22\nnext: 1', 'hunter22', 'next: 1'],
  ['{"password":"hunter22","name":"x"}', 'hunter22', '"name":"x"'],
  ['{"password": {"file": "/etc/isthmus/p"}}', 'nothing', '{"password": {"file": "/etc/isthmus/p"}}'],
  ['password: {file: /etc/isthmus/wan1.key}', 'nothing', '/etc/isthmus/wan1.key'],
  ['  neighbor 192.0.2.1 as 64900;\n  password "a \\"quoted\\" one";', 'quoted', 'neighbor 192.0.2.1 as 64900;'],
  ['  auth_pass s3cr3tpw\n', 's3cr3tpw'],
  ['Authorization: Bearer abc.def-123', 'abc.def-123'],
  ['https://root:hunter22@192.0.2.1:2379/x', 'hunter22', '192.0.2.1:2379'],
  ['token=eyJhbGciOiJSUzI1NiJ9.eyJ1c2VyIjoicm9vdCJ9.c2ln', 'eyJ1c2VyIjoicm9vdCJ9'],
  ['got eyJhbGciOiJSUzI1NiJ9.eyJ1c2VyIjoicm9vdCJ9.c2ln from it', 'eyJ1c2VyIjoicm9vdCJ9'],
  ['PrivateKey = aGVsbG8gaGVsbG8gaGVsbG8=\nPublicKey = cHVibGlj', 'aGVsbG8gaGVsbG8gaGVsbG8=', 'PublicKey = cHVibGlj'],
  ['net.ipv6.conf.all.stable_secret = 2001:db8::1', '2001:db8::1'],
  ['net/ipv4/tcp_fastopen_key = 0a-0b-0c-0d', '0a-0b-0c-0d'],
]

describe('redact', () => {
  for (const [text, gone, stays] of shapes) {
    it(`by its shape: ${JSON.stringify(text)}`, () => {
      const left = redact(text, [])
      assert.ok(!left.includes(gone), left)
      if (stays !== undefined) assert.ok(left.includes(stays), left)
    })
  }

  it('a key in PEM that nobody has named, also as JSON and cut at either end', () => {
    const key = pem()
    const all = [
      `x\n${key}\ny`,
      JSON.stringify({key}),
      key.slice(40),
      key.slice(0, -40),
      key.split('\n').slice(2).join('\n'),
    ]
    for (const text of all) {
      const left = redact(text, [])
      for (const line of lines(key).slice(1)) assert.ok(!left.includes(line), left)
    }
  })

  it('takes nothing out of a text without secrets', () => {
    const text = 'route 10.1.0.0/16 via 192.0.2.1;\npeer public key: c2hhMjU2IG9mIHNvbWV0aGluZyBwdWJsaWMgaGVyZSE=\n'
    assert.equal(redact(text, ['another secret']), text)
  })

  const spelled: readonly ((secret: string) => string)[] = [
    (secret) => secret,
    (secret) => JSON.stringify(secret),
    (secret) => encodeURIComponent(secret),
    (secret) => Buffer.from(secret).toString('base64'),
    (secret) => Buffer.from(`root:${secret}`).toString('base64'),
    (secret) => Buffer.from(secret).toString('hex'),
    (secret) => secret.split('\n').join('\n> '),
  ]

  it('a secret that is known is nowhere, however it is written and whatever stands around it', () => {
    const printable = fc.stringMatching(/^[ -~äöü€]{6,40}$/).filter((text) => text.trim() === text)
    const secrets = fc.oneof(printable, fc.constant(0).map(wireguardKey), fc.constant(0).map(pem))
    const around = fc.string({maxLength: 30})
    fc.assert(
      fc.property(
        fc.array(secrets, {minLength: 1, maxLength: 4}),
        fc.array(around, {minLength: 3}),
        fc.nat(),
        (known, texts, pick) => {
          const planted = texts
            .map((text, index) => {
              const secret = known[(pick + index) % known.length]!
              return text + spelled[(pick + 3 * index) % spelled.length]!(secret)
            })
            .join('\n')
          const bytes = Buffer.from(planted).toString('latin1')
          const left = Buffer.from(redact(bytes, known), 'latin1').toString('utf8')
          for (const secret of known)
            for (const part of secret.includes('\n') ? lines(secret) : [secret])
              for (const spell of [spelled[0]!, spelled[2]!, spelled[3]!, spelled[5]!]) {
                const text = spell(part)
                // Base64 alone ends in what depends on what follows; and no secret is looked for in the mark itself.
                const core = spell === spelled[3] ? text.replace(/=+$/, '').slice(0, -1) : text
                if (core.length >= 2 * SHORTEST_SECRET && !REDACTED.includes(core))
                  assert.ok(!left.includes(core), `${core}\nin ${left}`)
              }
        },
      ),
      {numRuns: Number(process.env.RUNS ?? 300)},
    )
  })
})
