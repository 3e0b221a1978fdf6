import assert from 'node:assert/strict'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {LOST_RULE, site} from '../support/sites.ts'

const VALID = `version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks:
  - {name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}
owns: [10.1.0.0/16]
datastores:
  - name: main
    kind: calico
    endpoints: [https://10.1.0.2:2379]
    tls: {ca: /etc/isthmus/ca.pem, cert: /etc/isthmus/a.pem, key: /etc/isthmus/a.key}
    export: {}
sites:
  b: {owns: [10.2.0.0/16], endpoints: [https://198.51.100.2:2379], tls: {ca: /etc/isthmus/b.pem, cert: /etc/isthmus/a-b.pem, key: /etc/isthmus/a-b.key}}
authorities: [a]
`

const parse = (text: string) => parseGatewayConfig(text, 'gateway.yaml')

describe('parseGatewayConfig', () => {
  it('a valid file gives the configuration with its defaults', () => {
    const {config, findings} = parse(VALID)
    assert.deepEqual(findings, [])
    assert.ok(config)
    assert.equal(config.paths.birdSocket, '/run/bird/bird.ctl')
    assert.equal(config.twin, null)
    assert.equal(parse(VALID.replace('gateway: a1', 'gateway: a1\ntwin: a2')).config?.twin, 'a2')
    assert.equal(config.fastPath, true)
    assert.equal(parse(VALID.replace('gateway: a1', 'gateway: a1\nfastPath: false')).config?.fastPath, false)
    assert.deepEqual(config.uplinks[0]?.inner[4], ['100.64.0.0', '100.64.0.1'])
    assert.deepEqual(
      [...config.sites.values()].map(({name, encapsulation, bfd}) => [name, encapsulation, bfd]),
      [['b', 'ipip', 'private']],
    )
    assert.deepEqual(config.sites.get(site('b'))?.lost, LOST_RULE)
    const lost = 'lost: {suspectAfter: 10s, staleAfter: 1m, after: 7d, then: deny}'
    const own = parse(VALID.replace('key: /etc/isthmus/a-b.key}}', `key: /etc/isthmus/a-b.key}, ${lost}}`))
    assert.deepEqual(own.findings, [])
    assert.deepEqual(own.config?.sites.get(site('b'))?.lost, {
      suspectAfterMs: 10_000,
      staleAfterMs: 60_000,
      afterMs: 604_800_000,
      action: 'deny',
      forgetAfterMs: null,
    })
    const forget = parse(
      VALID.replace('key: /etc/isthmus/a-b.key}}', 'key: /etc/isthmus/a-b.key}, lost: {forgetAfter: 30d}}'),
    )
    assert.equal(forget.config?.sites.get(site('b'))?.lost.forgetAfterMs, 30 * 86_400_000)
  })

  it('insecure: true lets clear text and TLS without a client certificate pass', () => {
    const clear = VALID.replace(/endpoints: \[https:(\S+2379)\]\n.*\n/, 'endpoints: [http:$1]\n    insecure: true\n')
    assert.deepEqual(parse(clear).config?.datastores[0]?.tls, null)
    const oneSided = VALID.replace(/, cert: \/etc\/isthmus\/a-b.*key}/, '}, insecure: true')
    const {config, findings} = parse(oneSided)
    assert.deepEqual(findings, [])
    assert.deepEqual(Object.keys([...(config?.sites.values() ?? [])][0] ?? {}).includes('insecure'), false)
  })

  it('a user by name and password, with a certificate, without one, and over clear text', () => {
    const user = 'user: {name: isthmus, password: {file: /etc/isthmus/a.password}}'
    const want = {name: 'isthmus', passwordFile: '/etc/isthmus/a.password'}
    const own = parse(VALID.replace('    export: {}', `    ${user}\n    export: {}`))
    assert.deepEqual([own.findings, own.config?.datastores[0]?.user], [[], want])
    assert.deepEqual([...(own.config?.sites.values() ?? [])][0]?.user, null)
    const remote = parse(VALID.replace(/, cert: \/etc\/isthmus\/a-b.*key}/, `}, ${user}`))
    assert.deepEqual([remote.findings, [...(remote.config?.sites.values() ?? [])][0]?.user], [[], want])
    const clear = VALID.replace(
      /endpoints: \[https:(\S+2379)\]\n.*\n/,
      `endpoints: [http:$1]\n    insecure: true\n    ${user}\n`,
    )
    assert.deepEqual([parse(clear).findings, parse(clear).config?.datastores[0]?.user], [[], want])
  })

  type Refused = {
    name: string
    edit: [string, string]
    want: [code: string, field: string, line: number, about: RegExp]
  }
  const cases: Refused[] = [
    {name: 'not YAML', edit: ['site: a', 'site: [a'], want: ['config-syntax', '', 3, /not YAML/]},
    {
      name: 'unknown key',
      edit: ['gateway: a1', 'gateway: a1\ngatway: a2'],
      want: ['config-unknown-key', 'gatway', 4, /"gatway"/],
    },
    {name: 'default must be stated', edit: ['default: deny\n', ''], want: ['config-missing', 'default', 1, /missing/]},
    {
      name: 'default is a choice',
      edit: ['default: deny', 'default: drop'],
      want: ['config-invalid', 'default', 6, /"allow", "deny"/],
    },
    {
      name: 'host bits set',
      edit: ['owns: [10.1.0.0/16]', 'owns: [10.1.0.1/16]'],
      want: ['config-invalid', 'owns[0]', 9, /10\.1\.0\.1\/16/],
    },
    {name: 'reserved AS', edit: ['as: 4200000001', 'as: 23456'], want: ['config-invalid', 'as', 4, /reserved/]},
    {
      name: 'its own twin',
      edit: ['gateway: a1', 'gateway: a1\ntwin: a1'],
      want: ['config-conflict', 'twin', 4, /a1 is this gateway itself/],
    },
    {
      name: 'a LAN without a twin',
      edit: ['gateway: a1', 'gateway: a1\nlan: {device: lan0, address: 10.1.0.1, twin: 10.1.0.2}'],
      want: ['config-conflict', 'lan', 4, /lan, but no twin/],
    },
    {
      name: 'its own address is the twin’s',
      edit: ['gateway: a1', 'gateway: a1\ntwin: a2\nlan: {device: lan0, address: 10.1.0.1, twin: 10.1.0.1}'],
      want: ['config-conflict', 'lan.twin', 5, /10\.1\.0\.1 is this gateway's own/],
    },
    {
      name: 'a neighbour to be watched of another family',
      edit: [
        'gateway: a1',
        'gateway: a1\ntwin: a2\nlan: {device: lan0, address: 10.1.0.1, twin: 10.1.0.2, watch: [fd00::1]}',
      ],
      want: ['config-conflict', 'lan.watch[0]', 5, /fd00::1 is no IPv4 address/],
    },
    {
      name: 'a neighbour that is watched twice',
      edit: [
        'gateway: a1',
        'gateway: a1\ntwin: a2\nlan: {device: lan0, address: 10.1.0.1, twin: 10.1.0.2, watch: [10.1.0.2]}',
      ],
      want: ['config-conflict', 'lan.watch[0]', 5, /10\.1\.0\.2 is named twice/],
    },
    {
      name: 'two uplinks at one address',
      edit: [
        'inner: [100.64.0.0, 100.64.0.1]}',
        'inner: [100.64.0.0, 100.64.0.1]}\n  - {name: lte, address: 192.0.2.1, inner: [100.64.0.2, 100.64.0.3]}',
      ],
      want: ['config-conflict', 'uplinks[1].address', 9, /second uplink is at 192\.0\.2\.1/],
    },
    {
      name: 'inner outside the range',
      edit: ['100.64.0.1]', '100.65.0.1]'],
      want: ['config-conflict', 'uplinks[0].inner[1]', 8, /outside interconnect/],
    },
    {
      name: 'inner twice',
      edit: ['100.64.0.1]', '100.64.0.0]'],
      want: ['config-conflict', 'uplinks[0].inner[1]', 8, /twice/],
    },
    {
      name: 'a rate of nothing',
      edit: ['100.64.0.1]', '100.64.0.1], rateMbit: 0'],
      want: ['config-invalid', 'uplinks[0].rateMbit', 8, /1/],
    },
    {
      name: 'keys that would be rotated all the time',
      edit: ['gateway: a1', 'gateway: a1\nkeys: {rotateAfter: 30s}'],
      want: ['config-conflict', 'keys.rotateAfter', 4, /30 s is less than ten minutes/],
    },
    {
      name: 'a plain tunnel that may go on until one is up that is plain too',
      edit: ['b: {owns', 'b: {plainUntilEncrypted: true, owns'],
      want: ['config-conflict', 'sites.b.plainUntilEncrypted', 17, /ipip does not encrypt either/],
    },
    {
      name: 'fou at a port of WireGuard',
      edit: ['gateway: a1', 'gateway: a1\nfou: {port: 51820}'],
      want: ['config-conflict', 'fou.port', 4, /51820 is one of WireGuard's/],
    },
    {
      name: 'fou at no port',
      edit: ['gateway: a1', 'gateway: a1\nfou: {port: 65536}'],
      want: ['config-invalid', 'fou.port', 4, /65535/],
    },
    {
      name: 'own site among the remotes',
      edit: ['  b: {', '  a: {'],
      want: ['config-conflict', 'sites.a', 17, /own site/],
    },
    {
      name: 'authority unknown',
      edit: ['authorities: [a]', 'authorities: [z]'],
      want: ['config-conflict', 'authorities[0]', 18, /no site z/],
    },
    {
      name: 'no export',
      edit: ['    export: {}\n', ''],
      want: ['config-conflict', 'datastores', 10, /holds the export/],
    },
    {
      name: 'https without tls',
      edit: ['    tls: {ca: /etc/isthmus/ca.pem, cert: /etc/isthmus/a.pem, key: /etc/isthmus/a.key}\n', ''],
      want: ['config-conflict', 'datastores[0].endpoints[0]', 13, /needs tls/],
    },
    {
      name: 'a file without its path',
      edit: ['    export: {}\n', '    export: {}\n  - {name: rack, kind: file}\n'],
      want: ['config-conflict', 'datastores[1]', 16, /needs path/],
    },
    {
      name: 'a file with endpoints',
      edit: [
        '    export: {}\n',
        '    export: {}\n  - {name: rack, kind: file, path: /etc/rack.yaml, endpoints: ["http://10.1.0.3:2379"]}\n',
      ],
      want: ['config-conflict', 'datastores[1].endpoints', 16, /kind file has no endpoints/],
    },
    {
      name: 'a path in an etcd',
      edit: ['kind: calico', 'kind: calico\n    path: /etc/rack.yaml'],
      want: ['config-conflict', 'datastores[0].path', 13, /kind calico has no path/],
    },
    {
      name: 'an etcd without endpoints',
      edit: ['    endpoints: [https://10.1.0.2:2379]\n', ''],
      want: ['config-conflict', 'datastores[0]', 11, /needs endpoints/],
    },
    {
      name: 'clear text without saying so',
      edit: [
        'https://198.51.100.2:2379], tls: {ca: /etc/isthmus/b.pem, cert: /etc/isthmus/a-b.pem, key: /etc/isthmus/a-b.key}',
        'http://198.51.100.2:2379]',
      ],
      want: ['config-conflict', 'sites.b.endpoints[0]', 17, /clear text, and anybody on the way could write policy/],
    },
    {
      name: 'clear text with certificates',
      edit: ['https://10.1.0.2', 'http://10.1.0.2'],
      want: ['config-conflict', 'datastores[0].endpoints[0]', 13, /clear text, but tls is given/],
    },
    {
      name: 'no client certificate',
      edit: [', cert: /etc/isthmus/a.pem, key: /etc/isthmus/a.key', ''],
      want: ['config-conflict', 'datastores[0].tls', 14, /etcd cannot know who asks/],
    },
    {
      name: 'half a client certificate',
      edit: [', key: /etc/isthmus/a-b.key', ''],
      want: ['config-conflict', 'sites.b.tls', 17, /cert without key/],
    },
    {
      name: 'insecure, and it is not',
      edit: ['    export: {}', '    insecure: true\n    export: {}'],
      want: ['config-conflict', 'datastores[0].insecure', 15, /it is not/],
    },
    {
      name: 'a file with a user',
      edit: [
        '    export: {}\n',
        '    export: {}\n  - {name: rack, kind: file, path: /etc/rack.yaml, user: {name: a, password: {file: /a}}}\n',
      ],
      want: ['config-conflict', 'datastores[1].user', 16, /kind file has no user/],
    },
    {
      name: 'a user without a password',
      edit: ['    export: {}', '    user: {name: isthmus}\n    export: {}'],
      want: ['config-missing', 'datastores[0].user.password', 15, /missing/],
    },
    {
      name: 'a user without a name',
      edit: ['    export: {}', '    user: {name: " ", password: {file: /etc/isthmus/a.password}}\n    export: {}'],
      want: ['config-invalid', 'datastores[0].user.name', 15, /" " is not the name of an etcd user/],
    },
    {
      name: 'a password where its file should be',
      edit: [
        'key: /etc/isthmus/a-b.key}}',
        'key: /etc/isthmus/a-b.key}, user: {name: isthmus, password: {file: secret}}}',
      ],
      want: ['config-invalid', 'sites.b.user.password.file', 17, /^what stands here is not an absolute path$/],
    },
    {
      name: 'a password in an address, which nobody is told',
      edit: ['https://10.1.0.2:2379', 'https://root:not/a@secret@10.1.0.2:2379'],
      want: [
        'config-invalid',
        'datastores[0].endpoints[0]',
        13,
        /^"https:\/\/\*\*\*@10\.1\.0\.2:2379" is not an etcd address/,
      ],
    },
    {
      name: 'a password over clear text',
      edit: [
        'tls: {ca: /etc/isthmus/ca.pem, cert: /etc/isthmus/a.pem, key: /etc/isthmus/a.key}',
        'user: {name: isthmus, password: {file: /etc/isthmus/a.password}}',
      ],
      want: ['config-conflict', 'datastores[0].endpoints[0]', 13, /needs tls/],
    },
    {
      name: 'insecure, with a user over TLS',
      edit: [
        ', cert: /etc/isthmus/a.pem, key: /etc/isthmus/a.key}',
        '}\n    insecure: true\n    user: {name: isthmus, password: {file: /etc/isthmus/a.password}}',
      ],
      want: ['config-conflict', 'datastores[0].insecure', 15, /it is not/],
    },
    {
      name: 'vxlan outside a lab',
      edit: ['key: /etc/isthmus/a-b.key}}', 'key: /etc/isthmus/a-b.key}, encapsulation: vxlan}'],
      want: ['config-conflict', 'sites.b.encapsulation', 17, /not an encapsulation/],
    },
    ...(
      [
        ['a time without unit', '{after: 24}', 'config-invalid', 'sites.b.lost.after', /expected string/],
        ['a unit that is none', '{after: 24x}', 'config-invalid', 'sites.b.lost.after', /"24x" is not a duration/],
        ['no time at all', '{after: 0s}', 'config-invalid', 'sites.b.lost.after', /"0s" is not a duration/],
        [
          'stale before suspect',
          '{staleAfter: 10s}',
          'config-conflict',
          'sites.b.lost.staleAfter',
          /not after suspect/,
        ],
        ['lost before stale', '{after: 5m}', 'config-conflict', 'sites.b.lost.after', /not after staleAfter \(300 s\)/],
        [
          'an end that is no choice',
          '{then: drop}',
          'config-invalid',
          'sites.b.lost.then',
          /"hold", "withdraw", "deny"/,
        ],
        [
          'a held site that is to be forgotten',
          '{then: hold, forgetAfter: 7d}',
          'config-conflict',
          'sites.b.lost.forgetAfter',
          /never withdrawn/,
        ],
      ] as const
    ).map(([name, lost, code, field, detail]): Refused => {
      const edit = ['key: /etc/isthmus/a-b.key}}', `key: /etc/isthmus/a-b.key}, lost: ${lost}}`] as const
      return {name, edit: [...edit], want: [code, field, 17, detail]}
    }),
    {
      name: 'an authority that is to be forgotten',
      edit: ['a-b.key}}\nauthorities: [a]', 'a-b.key}, lost: {forgetAfter: 7d}}\nauthorities: [a, b]'],
      want: ['config-conflict', 'sites.b.lost.forgetAfter', 17, /b is an authority/],
    },
    {
      name: 'bad site name as a key',
      edit: ['  b: {', '  B_: {'],
      want: ['config-invalid', 'sites.B_', 17, /site name/],
    },
    {
      name: 'no etcd address',
      edit: ['https://198.51.100.2:2379', '198.51.100.2:2379'],
      want: ['config-invalid', 'sites.b.endpoints[0]', 17, /etcd address/],
    },
  ]
  for (const {name, edit, want} of cases) {
    it(`${name}: refused with its place`, () => {
      assert.ok(VALID.includes(edit[0]), 'the edit applies')
      const {config, findings} = parse(VALID.replace(edit[0], edit[1]))
      assert.equal(config, null)
      const [finding] = findings
      assert.ok(finding)
      const {code, where, detail} = finding
      assert.deepEqual([code, where.field ?? '', where.line], want.slice(0, 3))
      assert.match(detail, want[3])
    })
  }

  it('all mistakes are told at once, in the order of the file', () => {
    const text = VALID.replace('as: 4200000001', 'as: 0')
      .replace('default: deny', 'default: no')
      .replace('kind: calico', 'kind: zoo')
    assert.deepEqual(
      parse(text).findings.map(({where}) => where.field),
      ['as', 'default', 'datastores[0].kind'],
    )
  })

  it('a file of comments, as it is installed, says in one sentence that nothing is configured, and what to do', () => {
    for (const text of ['', '# site: a\n']) {
      const {config, findings} = parse(text)
      assert.equal(config, null)
      assert.deepEqual(
        findings.map(({detail}) => detail),
        ['nothing is configured yet: the file has no key'],
      )
    }
    assert.ok(parse('{}').findings.some(({where}) => where.field === 'site'))
  })
})
