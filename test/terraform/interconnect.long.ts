import assert from 'node:assert/strict'
import {execFileSync, spawnSync} from 'node:child_process'
import {cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import {parse, stringify} from 'yaml'
import {obtainTerraformTool} from '../../scripts/terraform-tool.ts'
import {gatewayFile, parseGatewayConfig, parseInterconnect, terraformVariables} from '../../src/config/index.ts'
import {arbitraryInterconnect} from '../support/arbitrary-interconnect.ts'

const TERRAFORM = path.resolve(import.meta.dirname, '../../terraform')
const BUILD_MS = 1_500_000
const RUNS = Number(process.env.RUNS ?? 40)
const ENVIRONMENT = {...process.env, TF_IN_AUTOMATION: '1', CHECKPOINT_DISABLE: '1'}

interface Rule {
  readonly cidr: string
  readonly protocol: string
  readonly from: number | null
  readonly to: number | null
}
interface Wired {
  readonly owns: readonly string[]
  readonly remote_prefixes: readonly string[]
  readonly gateways: Readonly<Record<string, {readonly yaml: string; readonly inner: readonly string[]}>>
  readonly ingress: Readonly<Record<string, Rule>>
}
type Sites = Readonly<Record<string, Wired>>
type Outputs = Readonly<Record<string, {readonly value: unknown}>>

/** Terraform itself (or OpenTofu) plans the modules that have no provider; the product's own answer is what they must give. */
describe('terraform, for real', () => {
  let tool: string
  let work: string

  before(function () {
    this.timeout(BUILD_MS)
    const found = obtainTerraformTool()
    assert.ok(found, 'neither terraform, tofu nor go is here')
    tool = found
    work = mkdtempSync(path.join(tmpdir(), 'isthmus-terraform-'))
    cpSync(TERRAFORM, work, {recursive: true})
  })
  after(() => rmSync(work, {recursive: true, force: true}))

  const run = (folder: string, args: readonly string[]): {status: number | null; said: string} => {
    const {status, stdout, stderr} = spawnSync(tool, args, {
      cwd: path.join(work, folder),
      encoding: 'utf8',
      env: ENVIRONMENT,
    })
    return {status, said: `${stdout}${stderr}`}
  }
  const plan = (folder: string, variables: unknown): {outputs: Outputs | null; said: string} => {
    const [file, out] = [path.join(work, 'vars.tfvars.json'), path.join(work, 'plan')]
    writeFileSync(file, JSON.stringify(variables))
    const {status, said} = run(folder, ['plan', '-no-color', '-input=false', `-var-file=${file}`, `-out=${out}`])
    if (status !== 0) return {outputs: null, said}
    const shown = execFileSync(tool, ['show', '-json', out], {
      cwd: path.join(work, folder),
      encoding: 'utf8',
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return {outputs: JSON.parse(shown).planned_values.outputs ?? {}, said}
  }

  it('all files are formatted as it formats them', () => {
    const {status, said} = run('.', ['fmt', '-check', '-recursive', '-diff'])
    assert.equal(status, 0, said)
  })

  for (const name of ['interconnect', 'bootstrap']) {
    it(`module ${name} is valid`, () => {
      const {status, said} = run(`modules/${name}`, ['validate', '-no-color'])
      assert.equal(status, 0, said)
    })
  }

  it('the test of module interconnect passes', () => {
    const {status, said} = run('modules/interconnect', ['test', '-no-color'])
    assert.equal(status, 0, said)
    assert.match(said, /3 passed, 0 failed/)
  })

  it('module interconnect gives the very files that isthmus render gives, and lets in peers alone', function () {
    this.timeout(RUNS * 10_000)
    const check = (description: unknown): void => {
      const {interconnect, findings} = parseInterconnect(stringify(description), 'x')
      assert.deepEqual(findings, [])
      const {outputs, said} = plan('modules/interconnect', terraformVariables(interconnect!))
      assert.ok(outputs, said)
      for (const [site, {gateways, owns, remote_prefixes: remote, ingress}] of Object.entries(
        outputs.sites!.value as Sites,
      )) {
        const others = Object.entries(interconnect!.sites).filter(([name]) => name !== site)
        assert.deepEqual(owns, ownsOf(interconnect!.sites, site))
        assert.deepEqual(remote.toSorted(), others.flatMap(([, {owns: theirs}]) => theirs).toSorted())
        for (const [name, {yaml}] of Object.entries(gateways)) {
          assert.deepEqual(parse(yaml), JSON.parse(JSON.stringify(gatewayFile(interconnect!, site, name))))
          assert.deepEqual(parseGatewayConfig(yaml, name).findings, [])
        }
        const peers = others.flatMap(([, {gateways: theirs}]) =>
          Object.values(theirs).map((one) => `${one.public ?? one.address}/32`),
        )
        for (const {cidr} of Object.values(ingress)) assert.ok(peers.includes(cidr), cidr)
        assert.deepEqual(
          portsOf(ingress),
          expectedPorts(
            JSON.parse(JSON.stringify(gatewayFile(interconnect!, site, Object.keys(gateways)[0]!))),
            interconnect!,
          ),
        )
      }
    }
    for (const example of readdirSync(path.join(TERRAFORM, 'examples'))) {
      check(parse(readFileSync(path.join(TERRAFORM, 'examples', example, 'interconnect.yaml'), 'utf8')))
    }
    fc.assert(fc.property(arbitraryInterconnect(), check), {
      numRuns: RUNS,
      ...(process.env.SEED ? {seed: Number(process.env.SEED)} : {}),
    })
  })

  it('a key that follows from the rest is refused', () => {
    const text = readFileSync(path.join(TERRAFORM, 'examples/aws-gcp/interconnect.yaml'), 'utf8')
    const {sites, ...others} = terraformVariables(parseInterconnect(text, 'x').interconnect!)
    const {aws, gcp} = sites as Record<string, object>
    const {outputs, said} = plan('modules/interconnect', {
      ...others,
      sites: {aws: {...aws, extra: '{"fou":{"port":1}}'}, gcp},
    })
    assert.equal(outputs, null)
    assert.match(said, /follows from the rest/)
  })

  it('what the fabric drops is refused', () => {
    const text = readFileSync(path.join(TERRAFORM, 'examples/azure-onprem/interconnect.yaml'), 'utf8')
    const {interconnect} = parseInterconnect(text, 'x')
    const variables = terraformVariables(interconnect!)
    const {outputs, said} = plan('modules/interconnect', {
      ...variables,
      pairs: [{between: ['azure', 'onprem'], encapsulation: 'ipip'}],
    })
    assert.equal(outputs, null)
    assert.match(said.replaceAll(/[\s│]+/g, ' '), /The fabric drops ipip: azure \(azure\) to onprem/)
  })

  it('addresses that are only made by the plan are known late, and what is made for each peer early', () => {
    // As in examples/aws-gcp, with a resource of Terraform's own in place of the clouds'.
    const folder = 'late'
    cpSync(path.join(work, 'examples/aws-gcp'), path.join(work, 'examples', folder), {recursive: true})
    writeFileSync(
      path.join(work, 'examples', folder, 'variables.tf'),
      readFileSync(path.join(work, 'examples/aws-gcp/variables.tf'), 'utf8').split('# What is of the clouds')[0]!,
    )
    writeFileSync(
      path.join(work, 'examples', folder, 'main.tf'),
      `resource "terraform_data" "address" {
  for_each = { for entry in flatten([for site, s in var.sites : [for name, g in s.gateways : "\${site}/\${name}"]]) : entry => entry }
}
module "interconnect" {
  source       = "../../modules/interconnect"
  interconnect = var.interconnect
  pairs        = var.pairs
  sites = { for site, s in var.sites : site => merge(s, { gateways = { for name, g in s.gateways : name => merge(g, { public = terraform_data.address["\${site}/\${name}"].id }) } }) }
}
resource "terraform_data" "rule" {
  for_each = module.interconnect.sites["aws"].ingress
  input    = each.value.cidr
}
`,
    )
    const text = readFileSync(path.join(TERRAFORM, 'examples/aws-gcp/interconnect.yaml'), 'utf8')
    const variables = terraformVariables(parseInterconnect(text, 'x').interconnect!)
    const init = run(`examples/${folder}`, ['init', '-no-color', '-input=false'])
    assert.equal(init.status, 0, init.said)
    const {said} = plan(`examples/${folder}`, variables)
    assert.match(said, /terraform_data\.rule\["gcp-g1-wireguard"\] will be created/)
    assert.match(said, /Plan: 6 to add/)
  })

  it('user data of module bootstrap is cloud-init, with every file whole', () => {
    const yaml = 'version: 1\nsite: a\n'
    const deb = {url: 'https://example.net/isthmus.deb', sha256: '0'.repeat(64)}
    const {outputs, said} = plan('modules/bootstrap', {
      gateway_yaml: yaml,
      deb,
      packages: ['keepalived'],
      units: ['x.service'],
    })
    assert.ok(outputs, said)
    const data = String(outputs.user_data!.value)
    assert.match(data, /^#cloud-config\n/)
    const cloud = parse(data)
    const files = new Map<string, string>(
      cloud.write_files.map(({path: file, content}: {path: string; content: string}) => [
        file,
        Buffer.from(content, 'base64').toString(),
      ]),
    )
    assert.equal(files.get('/etc/isthmus/gateway.yaml'), yaml)
    assert.equal(
      files.get('/var/lib/isthmus-cloud/bootstrap'),
      readFileSync(path.join(TERRAFORM, 'modules/bootstrap/bootstrap.sh'), 'utf8'),
    )
    assert.equal(
      files.get('/var/lib/isthmus-cloud/bootstrap.env'),
      `DEB_SHA256='${deb.sha256}'\nDEB_URL='${deb.url}'\n`,
    )
    assert.deepEqual(cloud.packages, ['ca-certificates', 'curl', 'iproute2', 'keepalived'])
    assert.equal(cloud.ssh_pwauth, false)
    for (const wrong of [
      {...deb, url: 'http://example.net/x.deb'},
      {...deb, sha256: 'abc'},
      {...deb, url: "https://x'; reboot"},
    ]) {
      assert.equal(plan('modules/bootstrap', {gateway_yaml: yaml, deb: wrong}).outputs, null)
    }
  })
})

const ownsOf = (sites: object, site: string): unknown => (sites as Record<string, {owns: unknown}>)[site]!.owns

const portsOf = (ingress: Wired['ingress']): string[] =>
  [...new Set(Object.values(ingress).map(({protocol, from, to}) => `${protocol} ${from ?? ''}-${to ?? ''}`))].toSorted()

/** Said anew, from the file that a gateway gets. */
function expectedPorts(
  file: Record<string, unknown>,
  {inner, sites}: {inner: readonly string[]; sites: object},
): string[] {
  const hasSix = inner.length > 1
  const remotes = Object.entries(file.sites as Record<string, {encapsulation: string}>)
  const countOf = (name: string): number =>
    Object.keys((sites as Record<string, {gateways: object}>)[name]!.gateways).length
  const encrypted = remotes
    .filter(([, one]) => one.encapsulation === 'wireguard')
    .reduce((sum, [name]) => sum + countOf(name), 0)
  const has = (encapsulation: string): boolean => remotes.some(([, one]) => one.encapsulation === encapsulation)
  return [
    ...(has('ipip') ? ['4 -', ...(hasSix ? ['41 -'] : [])] : []),
    ...(has('fou') ? [`udp 5555-${hasSix ? 5556 : 5555}`] : []),
    ...(has('wireguard') ? [`udp 51820-${51_819 + 2 * encrypted}`] : []),
    ...(remotes.length > 0 && !('etcdAt' in (sites as Record<string, object>)[String(file.site)]!)
      ? ['tcp 2379-2379']
      : []),
  ].toSorted()
}
