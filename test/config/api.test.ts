import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {parseGatewayConfig} from '../../src/config/index.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const yamlOf = (file: string): string => /```yaml\n([\s\S]*?)```/.exec(readFileSync(path.join(ROOT, file), 'utf8'))![1]!
const BASE = yamlOf('docs/reference/configuration.md')
const FINGERPRINT = 'AB:'.repeat(31)

const parse = (api: string) => parseGatewayConfig(`${BASE}api:\n${api}`, 'gateway.yaml')
const TLS = '  tls: {cert: /etc/isthmus/api.pem, key: /etc/isthmus/api.key, clientCa: /etc/isthmus/operators.pem}\n'
const withClient = (client: string, tls = TLS): string => `  listen: 192.0.2.1:8443\n${tls}  clients: [${client}]\n`

describe('configuration of the API', () => {
  it('a listener with clients by name and by fingerprint', () => {
    const clients = `{commonName: alice, role: admin}, {fingerprint: "${FINGERPRINT}0F", role: viewer}`
    const {config, findings} = parse(withClient(clients))
    assert.deepEqual(findings, [])
    assert.deepEqual(config?.api, {
      ...{address: '192.0.2.1', port: 8443, cert: '/etc/isthmus/api.pem', key: '/etc/isthmus/api.key'},
      clientCa: '/etc/isthmus/operators.pem',
      clients: [
        {commonName: 'alice', role: 'admin'},
        {fingerprint: `${'ab'.repeat(31)}0f`, role: 'viewer'},
      ],
    })
  })

  it('none is none', () => assert.equal(parseGatewayConfig(BASE, 'gateway.yaml').config?.api, null))

  it('the example for operators is valid', () => {
    const example = yamlOf('docs/operate/api.md').replace('5E:1B:…', `${FINGERPRINT}0F`)
    assert.deepEqual(parseGatewayConfig(BASE + example, 'gateway.yaml').findings, [])
  })

  const OPEN = '  tls: {cert: /etc/isthmus/api.pem, key: /etc/isthmus/api.key}\n'
  const cases: {name: string; api: string; field: string; about: RegExp}[] = [
    {
      name: 'a client that is nobody',
      api: withClient('{role: admin}'),
      ...{field: 'api.clients[0]', about: /neither commonName nor fingerprint/},
    },
    {
      name: 'a client that is two',
      api: withClient(`{commonName: a, fingerprint: "${FINGERPRINT}0F", role: admin}`),
      ...{field: 'api.clients[0]', about: /both commonName and fingerprint/},
    },
    {
      name: 'a name that no authority vouches for',
      api: withClient('{commonName: alice, role: admin}', OPEN),
      ...{field: 'api.clients[0].commonName', about: /anybody could bear this name/},
    },
    {
      name: 'a client twice',
      api: withClient('{commonName: alice, role: admin}, {commonName: alice, role: viewer}'),
      ...{field: 'api.clients[1]', about: /named twice/},
    },
    {
      name: 'a fingerprint that is none',
      api: withClient('{fingerprint: "ab:cd", role: admin}'),
      ...{field: 'api.clients[0].fingerprint', about: /"ab:cd" is not a SHA-256 fingerprint/},
    },
    {
      name: 'a role that is none',
      api: withClient('{commonName: alice, role: root}'),
      ...{field: 'api.clients[0].role', about: /viewer/},
    },
    {name: 'no certificate', api: '  listen: 192.0.2.1:8443\n', field: 'api.tls', about: /missing/},
    {name: 'no port', api: `  listen: 192.0.2.1\n${TLS}`, field: 'api.listen', about: /is not ADDRESS:PORT/},
  ]
  for (const {name, api, field, about} of cases) {
    it(`${name} is refused`, () => {
      const {config, findings} = parse(api)
      assert.equal(config, null)
      assert.deepEqual(
        findings.map(({where}) => where.field),
        [field],
      )
      assert.match(findings[0]!.detail, about)
    })
  }
})
