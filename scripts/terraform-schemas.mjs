// Writes test/terraform/schemas/*.json: of each provider the resource and data types that terraform/ uses, with their
// arguments, blocks and attributes, as @cdktf/provider-* have them (generated from the providers' own schemas). The packages
// are 30 to 37 MB each, so they are fetched into /tmp when this is run by hand, and are no dependencies. Exoscale's schema is
// written down by hand, since it has no such package.
//
//     node scripts/terraform-schemas.mjs
import {spawnSync} from 'node:child_process'
import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '..')
const WORK = '/tmp/isthmus-terraform-schemas'
const PACKAGES = {aws: '21.22.1', google: '16.12.1', azurerm: '14.23.1'}

/** `resource "aws_eip" "x"` and `data "aws_ami" "y"`, of all files. */
function typesInUse(provider) {
  const files = readdirSync(path.join(ROOT, 'terraform'), {recursive: true}).filter((file) => file.endsWith('.tf'))
  const texts = files.map((file) => readFileSync(path.join(ROOT, 'terraform', file), 'utf8'))
  const named = (kind) =>
    texts.flatMap((text) =>
      [...text.matchAll(new RegExp(`^${kind} "(${provider}_\\w+)"`, 'gm'))].map(([, type]) => type),
    )
  return {resource: [...new Set(named('resource'))].sort(), data: [...new Set(named('data'))].sort()}
}

function unpack(provider, version) {
  const folder = path.join(WORK, provider)
  if (existsSync(path.join(folder, 'package/package.json'))) return path.join(folder, 'package')
  mkdirSync(folder, {recursive: true})
  const run = (command, args) => {
    const {status, stderr} = spawnSync(command, args, {cwd: folder, encoding: 'utf8'})
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  }
  run('npm', ['pack', `@cdktf/provider-${provider}@${version}`])
  run('tar', ['xzf', `cdktf-provider-${provider}-${version}.tgz`])
  return path.join(folder, 'package')
}

const readAll = (folder, ending) =>
  readdirSync(folder, {recursive: true})
    .filter((file) => file.endsWith(ending))
    .map((file) => readFileSync(path.join(folder, file), 'utf8'))
    .join('\n')

/** Interfaces of a type's declarations: the fields of each, by the names that Terraform has for them. */
function interfacesIn(text) {
  const interfaces = new Map()
  for (const [, name, body] of text.matchAll(/^export interface (\w+)[^{\n]*\{\n([\s\S]*?)^\}/gm)) {
    const fields = []
    const FIELD = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*readonly \w+(\?)?: (\{\s*\[key: string\]: [^;]+;\s*\}|[^;{]+);/g
    for (const [, comment, optional, type] of body.matchAll(FIELD)) {
      const [, field] = /#(\w+) \w+#\1\}/.exec(comment) ?? []
      if (!field) throw new Error(`a field of ${name} has no name: ${comment}`)
      fields.push({field, isRequired: optional === undefined, type, isBlock: comment.includes(`* ${field} block`)})
    }
    interfaces.set(name, fields)
  }
  return interfaces
}

function shapeOf(interfaces, name) {
  const shape = {required: [], optional: [], blocks: {}}
  for (const {field, isRequired, type, isBlock} of interfaces.get(name)) {
    const [, inner, many] = /^(\w+?)(\[\])?(?: \| cdktf\.IResolvable)?$/.exec(type.trim()) ?? []
    if (inner && interfaces.has(inner)) {
      const nested = shapeOf(interfaces, inner)
      shape.blocks[field] = {
        ...(isRequired ? {isRequired} : {}),
        ...(many ? {isMany: true} : {}),
        ...(isBlock ? {} : {isAttribute: true}),
        ...nested,
      }
    } else shape[isRequired ? 'required' : 'optional'].push(field)
  }
  return shape
}

/** What else a resource tells: everything that its class has a getter for. */
function attributesIn(script, base) {
  const from = script.search(new RegExp(`class \\w+ extends cdktf\\.${base}`))
  const names = [
    ...script.slice(from).matchAll(/\.get\w+Attribute\('(\w+)'\)/g),
    ...script.slice(from).matchAll(/new \w+\(this, ["'](\w+)["']/g),
  ].map(([, name]) => name)
  return [...new Set(names)].sort()
}

function schemaOf(folder, provider, kind, type) {
  const kebab = type.replace(`${provider}_`, '').replaceAll('_', '-')
  const lib = path.join(folder, 'lib', kind === 'data' ? `data-${provider}-${kebab}` : kebab)
  const declarations = readAll(lib, '.d.ts')
  if (!declarations.includes(`tfResourceType = "${type}"`)) throw new Error(`${lib} is not ${type}`)
  const [, config] = /^export interface (\w+) extends cdktf\.TerraformMetaArguments/m.exec(declarations)
  const base = kind === 'data' ? 'TerraformDataSource' : 'TerraformResource'
  const shape = shapeOf(interfacesIn(declarations), config)
  const given = new Set([...shape.required, ...shape.optional, ...Object.keys(shape.blocks)])
  return {...shape, computed: attributesIn(readAll(lib, '.js'), base).filter((name) => !given.has(name))}
}

for (const [provider, version] of Object.entries(PACKAGES)) {
  const folder = unpack(provider, version)
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const used = typesInUse(provider)
  const all = (kind) => Object.fromEntries(used[kind].map((type) => [type, schemaOf(folder, provider, kind, type)]))
  const schema = {
    provider: manifest.cdktf.provider.name,
    version: manifest.cdktf.provider.version,
    source: `npm @cdktf/provider-${provider}@${version}`,
    resource: all('resource'),
    data: all('data'),
  }
  const file = path.join(ROOT, `test/terraform/schemas/${provider}.json`)
  writeFileSync(file, `${JSON.stringify(schema)}\n`)
  spawnSync(path.join(ROOT, 'node_modules/.bin/biome'), ['format', '--write', file])
  process.stdout.write(`${file}: ${used.resource.length} resource and ${used.data.length} data types\n`)
}
