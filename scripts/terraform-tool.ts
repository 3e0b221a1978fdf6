import {spawnSync} from 'node:child_process'
import {cpSync, existsSync, mkdirSync, renameSync, rmSync} from 'node:fs'
import {homedir} from 'node:os'
import path from 'node:path'
import {pathToFileURL} from 'node:url'

/** OpenTofu is built from its Go module: no registry of binaries is asked. */
const MODULE = 'github.com/opentofu/opentofu'
const VERSION = 'v1.10.10'
const FOLDER = path.join(homedir(), '.cache/isthmus')
const BUILT = path.join(FOLDER, `tofu-${VERSION}`)

const runs = (program: string): boolean => spawnSync(program, ['version']).status === 0

/** The program that reads terraform/: what TERRAFORM names, what is installed, or OpenTofu as built before; null: none yet. */
export function terraformTool(): string | null {
  return [...(process.env.TERRAFORM ? [process.env.TERRAFORM] : []), 'terraform', 'tofu', BUILT].find(runs) ?? null
}

/** The same, or OpenTofu built now where Go is on the machine (some minutes); null: it cannot be had. */
export function obtainTerraformTool(): string | null {
  return terraformTool() ?? (runs('go') ? buildTofu() : null)
}

/** Its go.mod replaces modules, so `go install` refuses it: it is built in a copy of its own tree. */
export function buildTofu(): string {
  if (existsSync(BUILT)) return BUILT
  mkdirSync(FOLDER, {recursive: true})
  const tree = path.join(FOLDER, `opentofu-${process.pid}`)
  try {
    const {Dir}: {Dir: string} = JSON.parse(go(['mod', 'download', '-json', `${MODULE}@${VERSION}`], FOLDER))
    cpSync(Dir, tree, {recursive: true})
    go(['build', '-trimpath', '-ldflags=-s -w', '-o', `${tree}.tofu`, './cmd/tofu'], tree)
    renameSync(`${tree}.tofu`, BUILT)
    return BUILT
  } finally {
    rmSync(tree, {recursive: true, force: true})
  }
}

function go(args: readonly string[], cwd: string): string {
  const {status, stdout, stderr} = spawnSync('go', args, {cwd, encoding: 'utf8', maxBuffer: 1e8})
  if (status !== 0) throw new Error(`go ${args.join(' ')}: ${stderr}`)
  return stdout
}

// By hand: prints which program it is; `--build` builds OpenTofu whatever else there is.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const tool = process.argv.includes('--build') ? buildTofu() : obtainTerraformTool()
  process.stdout.write(`${tool ?? 'neither terraform, tofu nor go is here'}\n`)
}
