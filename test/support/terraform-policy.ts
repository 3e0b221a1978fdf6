import {type Block, type Body, isBody, type Json, type Module, textsIn, textsOf} from './terraform-module.ts'
import type {Schemas} from './terraform-schema.ts'

/** Where something is open, or not as the rule has it, and why that is right: `MODULE PLACE`. Each must be in use. */
export const EXCEPTIONS: Readonly<Record<string, string>> = {
  'aws aws_vpc_security_group_egress_rule.all': 'going out: nftables decides what a gateway forwards',
  'azure azurerm_network_security_rule.nothing_else': 'a Deny of all',
  'exoscale exoscale_compute_instance.gateway': "Exoscale's instances have no argument for encryption of their disk",
}

const ANYBODY = /^(?:0\.0\.0\.0\/0|::\/0|\*|Internet|Any)$/
const OPEN_TEXT = /0\.0\.0\.0\/0|(?<![\w:])::\/0/

/** Types whose value is a secret, which would lie in the state as it is. */
const SECRET_TYPES =
  /^(?:aws_secretsmanager_secret_version|google_secret_manager_secret_version|azurerm_key_vault_secret|exoscale_iam_\w+|tls_private_key|random_password|aws_iam_access_key|google_service_account_key)$/
const SECRET_ARGUMENTS =
  /^(?:password|admin_password|secret_string|secret_binary|secret_data|secret_key|md5_authentication_keys?|auth_pass|private_key|access_key|token)$/
const SECRET_TEXT = /-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}/

/** Argument, by type, that must be just so. */
const MUST_BE: readonly {
  readonly type: string
  readonly path: readonly string[]
  readonly value: Json
  readonly why: string
}[] = [
  {type: 'aws_instance', path: ['metadata_options', 'http_tokens'], value: 'required', why: 'IMDSv2 only'},
  {
    type: 'aws_instance',
    path: ['metadata_options', 'http_put_response_hop_limit'],
    value: 1,
    why: 'no container reads it',
  },
  {type: 'aws_instance', path: ['root_block_device', 'encrypted'], value: true, why: 'disks are encrypted'},
  {type: 'aws_ebs_snapshot_import', path: ['encrypted'], value: true, why: 'disks are encrypted'},
  {type: 'aws_network_interface', path: ['source_dest_check'], value: false, why: 'it forwards'},
  {type: 'google_compute_instance', path: ['can_ip_forward'], value: true, why: 'it forwards'},
  {type: 'azurerm_network_interface', path: ['ip_forwarding_enabled'], value: true, why: 'it forwards'},
  {
    type: 'azurerm_linux_virtual_machine',
    path: ['encryption_at_host_enabled'],
    value: true,
    why: 'disks are encrypted',
  },
  {type: 'azurerm_linux_virtual_machine', path: ['disable_password_authentication'], value: true, why: 'keys only'},
  {type: 'azurerm_key_vault', path: ['network_acls', 'default_action'], value: 'Deny', why: 'for the gateways only'},
  {type: 'azurerm_key_vault', path: ['rbac_authorization_enabled'], value: true, why: 'roles say who may read'},
  {type: 'exoscale_template', path: ['password_enabled'], value: false, why: 'keys only'},
]

/** All that gateways may ask of a cloud. */
const ACTIONS = new Set(['sts:AssumeRole', 'ec2:ReplaceRoute', 'secretsmanager:GetSecretValue', 'kms:Decrypt'])
const ROLES = new Set(['roles/secretmanager.secretAccessor', 'Key Vault Secrets User'])

const first = (value: Json | undefined): Json | undefined => (Array.isArray(value) ? value[0] : value)

function valueAt(body: Body, path: readonly string[]): Json | undefined {
  let value: Json | undefined = body
  for (const key of path) {
    const inner: Json | undefined = first(value)
    value = isBody(inner) ? inner[key] : undefined
  }
  return value
}

/** Every breach of what modules must hold to, as `MODULE PLACE: what`. */
export function policyBreaches(name: string, module: Module, schemas: Schemas): string[] {
  const isExcepted = (place: string): boolean => `${name} ${place}` in EXCEPTIONS
  const found: string[] = []
  const say = (place: string, what: string): void => {
    if (!isExcepted(place)) found.push(`${name} ${place}: ${what}`)
  }
  for (const block of module.resources) {
    const place = `${block.type}.${block.name}`
    for (const what of [...ofOpenness(block), ...ofSecrets(block), ...ofValues(block), ...ofTags(block, schemas)])
      say(place, what)
  }
  for (const {type, name: own, body} of module.data) {
    if (type !== 'aws_iam_policy_document') continue
    for (const what of ofStatements(body)) say(`data.${type}.${own}`, what)
  }
  for (const {at, text} of textsOf(module)) {
    if (SECRET_TEXT.test(text)) say(at, 'a key in plain text')
    if (at.startsWith('local.') && OPEN_TEXT.test(text)) say(at, 'open to anybody')
  }
  for (const what of ofOwnRules(module)) say('local.own_rules', what)
  return found
}

/** What of this list nobody needs. */
export const unusedExceptions = (modules: ReadonlyMap<string, Module>): string[] =>
  Object.keys(EXCEPTIONS).filter((entry) => {
    const [name, place] = entry.split(' ')
    return !modules.get(name!)?.resources.some((block) => `${block.type}.${block.name}` === place)
  })

function* ofOpenness({type, body}: Block): Generator<string> {
  if (type === 'exoscale_compute_instance') yield 'no encryption of its disk'
  const sources = [
    'cidr_ipv4',
    'cidr_ipv6',
    'cidr',
    'source_ranges',
    'source_address_prefix',
    'source_address_prefixes',
  ]
  const isFirewall = /firewall|security_(?:group_rule|group_(?:in|e)gress_rule|rule)/.test(type)
  for (const {at, text} of textsIn(body, '')) {
    const key = at.slice(1).replace(/\[\d+\]/, '')
    if (isFirewall && sources.includes(key) && ANYBODY.test(text)) yield `${key} is anybody`
    else if (OPEN_TEXT.test(text)) yield 'open to anybody'
  }
}

function* ofSecrets({type, body}: Block): Generator<string> {
  if (SECRET_TYPES.test(type)) yield 'its value would be in the state: it is put into the store by hand'
  for (const {at} of textsIn(body, '')) {
    const key = at
      .split('.')
      .at(-1)!
      .replace(/\[\d+\]/, '')
    if (SECRET_ARGUMENTS.test(key)) yield `${key} is a secret in plain text`
  }
}

function* ofValues({type, body}: Block): Generator<string> {
  for (const {path, value, why} of MUST_BE.filter((one) => one.type === type)) {
    const given = valueAt(body, path)
    if (given !== value) yield `${path.join('.')} must be ${value} (${why}), and is ${given}`
  }
  const role = body.role ?? body.role_definition_name
  const isGrant = type === 'google_secret_manager_secret_iam_member' || type === 'azurerm_role_assignment'
  if (isGrant && !ROLES.has(String(role))) yield `role ${role} is more than gateways need`
}

/** Whatever can bear tags or labels says which site it is of. */
function* ofTags({type, body}: Block, schemas: Schemas): Generator<string> {
  const optional = schemas.resource.get(type)?.optional ?? []
  const key = ['labels', 'tags'].find(
    (one) => optional.includes(one) && !(one === 'tags' && type.startsWith('google_')),
  )
  if (key && !String(body[key] ?? '').includes(`local.${key}`)) yield `${key} do not say which site it is of`
}

function* ofStatements(body: Body): Generator<string> {
  const dynamic = isBody(body.dynamic) ? body.dynamic.statement : []
  const made = (Array.isArray(dynamic) ? dynamic : []).flatMap((one) => (isBody(one) ? [first(one.content)] : []))
  const statements = [...(Array.isArray(body.statement) ? body.statement : []), ...made].filter((one) =>
    isBody(one ?? null),
  )
  for (const statement of statements as Body[]) {
    for (const {text} of textsIn(statement.actions, '')) if (!ACTIONS.has(text)) yield `action ${text}`
    for (const {text} of textsIn(statement.resources, '')) if (text === '*') yield 'all resources'
    const isMove = [...textsIn(statement.actions, '')].some(({text}) => text === 'ec2:ReplaceRoute')
    const resources = JSON.stringify(statement.resources ?? '')
    if (isMove && !/in values\(var\.route_tables\) : [^[\]]*:route-table\/\$\{table\}/.test(resources)) {
      yield 'routes of other tables than its own may be moved'
    }
  }
}

/** A firewall has what module interconnect derives (peers alone), and rules of the own site, none of which is for tunnels. */
function* ofOwnRules(module: Module): Generator<string> {
  const rules = module.locals.get('own_rules')
  if (rules === undefined) return
  const text = String(rules)
  for (const [, protocol] of text.matchAll(/protocol = "([^"]+)"/g)) {
    if (!['tcp', '-1', 'all', '*'].includes(protocol!)) yield `protocol ${protocol} beside those of peers`
  }
  for (const [line] of text.matchAll(/^.*protocol = "(?:-1|all|\*)".*$/gm)) {
    if (!/"(?:forwarded|twin)[ -]/.test(line)) yield `all protocols for others than the own site: ${line.trim()}`
  }
  for (const [, port] of text.matchAll(/from = (\d+)/g)) {
    if (!['22', '179', '2379', '9633', '9634', '9635'].includes(port!)) yield `port ${port}`
  }
}
