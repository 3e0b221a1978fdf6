// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Terraform's.
import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {obtainTerraformTool} from '../../scripts/terraform-tool.ts'
import {parseInterconnect, terraformVariables} from '../../src/config/index.ts'
import {readModule} from '../support/terraform-module.ts'
import {readSchemas} from '../support/terraform-schema.ts'
import {writeShadow} from '../support/terraform-shadow.ts'

const TERRAFORM = path.resolve(import.meta.dirname, '../../terraform')
const SCHEMAS = readSchemas(path.join(import.meta.dirname, 'schemas'))
const BUILD_MS = 1_500_000
const ENVIRONMENT = {...process.env, TF_IN_AUTOMATION: '1', CHECKPOINT_DISABLE: '1'}
const DEB = {url: 'https://example.net/isthmus.deb', sha256: 'a'.repeat(64)}

/** What is of the clouds, and not of Isthmus. */
const CLOUDS: Readonly<Record<string, Record<string, unknown>>> = {
  'aws-gcp': {
    aws: {
      ...{region: 'eu-west-1', vpc_id: 'vpc-1', subnet_ids: {a1: 'subnet-1', a2: 'subnet-2'}},
      ...{route_tables: {one: 'rtb-1', two: 'rtb-2'}, node_prefixes: ['10.1.0.0/18']},
    },
    gcp: {
      ...{project: 'p', region: 'europe-west6', network: 'net', subnetwork: 'sub'},
      ...{zones: {g1: 'europe-west6-a', g2: 'europe-west6-b'}, node_prefixes: ['10.2.0.0/18']},
    },
  },
  'azure-onprem': {
    azure: {
      ...{
        subscription_id: 's',
        location: 'switzerlandnorth',
        resource_group_name: 'rg',
        subnet_id: 'sub',
        next_hop: '10.4.0.9',
      },
      ...{zones: {z1: '1', z2: '2'}, route_tables: {nodes: {name: 'nodes', resource_group_name: 'rg'}}},
      ...{
        node_prefixes: ['10.4.0.0/18'],
        key_vault_name: 'v',
        vault_sources: ['192.0.2.9'],
        ssh_public_key: 'ssh-ed25519 AAAA',
      },
    },
  },
  'exoscale-two-zones': {
    zones: {
      geneva: {zone: 'ch-gva-2', lan: {e1: '10.6.0.2/24', e2: '10.6.0.3/24'}, next_hop: '10.6.0.1'},
      vienna: {zone: 'at-vie-1', lan: {e1: '10.7.0.2/24', e2: '10.7.0.3/24'}, next_hop: '10.7.0.1'},
    },
    ssh_keys: ['me'],
    ssh_sources: ['192.0.2.9/32'],
  },
}

interface Planned {
  readonly address: string
  readonly values: {readonly input?: Readonly<Record<string, unknown>>}
}

/** The examples, with all modules that they call, as Terraform plans them where each cloud's resource is one of its own. */
describe('the examples, planned', () => {
  let tool: string
  let work: string

  before(async function () {
    this.timeout(BUILD_MS)
    const found = obtainTerraformTool()
    assert.ok(found, 'neither terraform, tofu nor go is here')
    tool = found
    work = mkdtempSync(path.join(tmpdir(), 'isthmus-examples-'))
    for (const folder of ['modules', 'examples'].flatMap((kind) =>
      readdirSync(path.join(TERRAFORM, kind)).map((name) => path.join(kind, name)),
    )) {
      const at = path.join(work, folder)
      const module = await readModule(path.join(TERRAFORM, folder))
      writeShadow(module, SCHEMAS, at, (source) => {
        const relative = path.relative(at, path.join(work, path.relative(TERRAFORM, source)))
        return relative.startsWith('.') ? relative : `./${relative}`
      })
    }
  })
  after(() => rmSync(work, {recursive: true, force: true}))

  function plan(
    example: string,
    more: Readonly<Record<string, unknown>> = {},
  ): {planned: readonly Planned[]; said: string; isPlanned: boolean} {
    const cwd = path.join(work, 'examples', example)
    const {interconnect} = parseInterconnect(
      readFileSync(path.join(TERRAFORM, 'examples', example, 'interconnect.yaml'), 'utf8'),
      example,
    )
    const variables = {...terraformVariables(interconnect!), deb: DEB, ...CLOUDS[example], ...more}
    writeFileSync(path.join(cwd, 'vars.tfvars.json'), JSON.stringify(variables))
    const run = (args: readonly string[]) =>
      spawnSync(tool, args, {cwd, encoding: 'utf8', env: ENVIRONMENT, maxBuffer: 1e8})
    const init = run(['init', '-no-color', '-input=false'])
    assert.equal(init.status, 0, `${init.stdout}${init.stderr}`)
    const result = run(['plan', '-no-color', '-input=false', '-var-file=vars.tfvars.json', '-out=plan'])
    const said = `${result.stdout}${result.stderr}`
    if (result.status !== 0) return {planned: [], said, isPlanned: false}
    const shown = JSON.parse(run(['show', '-json', 'plan']).stdout)
    type Part = {readonly resources?: readonly Planned[]; readonly child_modules?: readonly Part[]}
    const all = (part: Part): Planned[] => [...(part.resources ?? []), ...(part.child_modules ?? []).flatMap(all)]
    return {planned: all(shown.planned_values.root_module), said, isPlanned: true}
  }
  const inputs = (planned: readonly Planned[], type: string): Readonly<Record<string, unknown>>[] =>
    planned.filter(({address}) => address.includes(`.${type}__`)).map(({values}) => values.input ?? {})

  for (const example of Object.keys(CLOUDS)) {
    it(`${example}: every expression has a value, every key is known early enough, nothing is in a circle`, function () {
      this.timeout(60_000)
      const {planned, said, isPlanned} = plan(example)
      assert.ok(isPlanned, said)
      assert.ok(planned.length > 10)
    })
  }

  it('aws-gcp: routes, rights and rules are those of the two sites', function () {
    this.timeout(60_000)
    const {planned, said} = plan('aws-gcp')
    assert.equal(inputs(planned, 'aws_route').length, 2, said)
    const lists = inputs(planned, 'aws_ec2_managed_prefix_list')
    assert.deepEqual(
      lists.map(({address_family, entry}) => [address_family, (entry as {cidr: string}[]).map(({cidr}) => cidr)]),
      [['IPv4', ['10.2.64.0/18']]],
    )
    assert.deepEqual(
      inputs(planned, 'google_compute_route').map(({dest_range}) => dest_range),
      ['10.1.64.0/18'],
    )
    const backends = inputs(planned, 'google_compute_region_backend_service')[0]!.backend as {failover: boolean}[]
    assert.deepEqual(backends.map(({failover}) => failover).toSorted(), [false, true])
    const rules = inputs(planned, 'aws_vpc_security_group_ingress_rule')
    const told = rules.map(
      ({description, cidr_ipv4, ip_protocol, from_port, to_port}) =>
        `${description}: ${cidr_ipv4 ?? 'unknown'} ${ip_protocol} ${from_port ?? ''}-${to_port ?? ''}`,
    )
    assert.deepEqual(told.toSorted(), [
      'forwarded 10.1.0.0/18: 10.1.0.0/18 -1 -',
      'forwarded 10.1.64.0/18: 10.1.64.0/18 -1 -',
      // Addresses that are only made by this very plan.
      'gcp-g1-wireguard: unknown udp 51820-51823',
      'gcp-g2-wireguard: unknown udp 51820-51823',
      'twin a1: 10.1.0.10/32 -1 -',
      'twin a2: 10.1.1.10/32 -1 -',
    ])
  })

  it('azure-onprem: rules have a priority each, user data is whole', function () {
    this.timeout(60_000)
    const {planned} = plan('azure-onprem')
    const rules = inputs(planned, 'azurerm_network_security_rule')
    const priorities = rules.map(({priority}) => priority)
    assert.equal(new Set(priorities).size, rules.length)
    assert.ok(
      rules.some(
        ({name, protocol, destination_port_range: port}) =>
          name === 'onprem-d1-fou' && protocol === 'Udp' && port === '5555',
      ),
    )
    for (const {name} of rules) assert.match(String(name), /^[\w.-]{1,80}$/)
    for (const {admin_ssh_key, identity} of inputs(planned, 'azurerm_linux_virtual_machine'))
      assert.ok(admin_ssh_key && identity)
  })

  it('what is optional can be planned too', function () {
    this.timeout(120_000)
    const change = (example: string, from: string, to: string): void => {
      const file = path.join(work, 'examples', example, 'main.tf.json')
      const text = readFileSync(file, 'utf8')
      assert.ok(text.includes(from))
      writeFileSync(file, text.replaceAll(from, to))
    }
    change(
      'aws-gcp',
      '"project":',
      '"cloud_router":{"hub":"hub","asn":64600,"addresses":["10.2.0.20","10.2.0.21"],"gateway_asn":64601},"appliance":{"source":"gs://b/x.tar.gz","version":"1.0"},"kms_key":"key","metrics_sources":["10.2.0.0/18"],"project":',
    )
    change(
      'aws-gcp',
      '"vpc_id":',
      '"appliance":{"bucket":"b","key":"k","version":"1.0"},"kms_key_id":"arn:key","ssh_sources":["192.0.2.0/24"],"vpc_id":',
    )
    change(
      'azure-onprem',
      '"location":',
      '"appliance":{"blob_uri":"https://b/x.vhd","version":"1.0"},"route_server":{"subnet_id":"rs","gateway_asn":64601},"location":',
    )
    change(
      'exoscale-two-zones',
      '"ssh_keys": "${var',
      '"appliance":{"url":"https://b/x.qcow2","md5":"0","version":"1.0"},"ssh_keys": "${var',
    )
    for (const example of Object.keys(CLOUDS)) {
      const {said, isPlanned, planned} = plan(example)
      assert.ok(isPlanned, said)
      if (example === 'aws-gcp') assert.equal(inputs(planned, 'google_compute_router_peer').length, 4)
      if (example === 'azure-onprem') assert.equal(inputs(planned, 'azurerm_route_server_bgp_connection').length, 2)
    }
  })
})
