import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import koffi, {type LibraryHandle} from 'koffi'
import {firstWords, type NftError, type NftRunner, parseErrors} from './runner.ts'

const LIBRARY = 'libnftables.so.1'
const JSON_OUTPUT = 1 << 4

/** An `nft_ctx *`, which only the library looks into. */
type Context = object | bigint

const ifOfDisk = (error: unknown): null => {
  if (error instanceof Error && 'syscall' in error) return null
  throw error
}

/** Of a script's text: what adds some ten thousand elements. */
const LARGE = 1 << 19

type ForeignFunction = ReturnType<LibraryHandle['func']>

/**
 * libnftables in process: 0.05 ms for an element instead of 14 ms for a process.
 *
 * Calls run on a worker thread of libuv; the context's socket belongs to the namespace of the thread that opened it, so
 * contexts are made here, on the main thread. A listing leaves all that it read in the context's cache, so it gets a
 * context of its own. `null` when there is no library.
 */
export function createLibraryRunner(): NftRunner | null {
  const library = load(LIBRARY)
  if (library === null) return null
  // Another libc than glibc may have none.
  const trim = functionOf(load('libc.so.6'), 'int malloc_trim(size_t pad)')
  const createContext = library.func('void *nft_ctx_new(uint32_t flags)')
  const freeContext = library.func('void nft_ctx_free(void *ctx)')
  const bufferOutput = library.func('int nft_ctx_buffer_output(void *ctx)')
  const bufferError = library.func('int nft_ctx_buffer_error(void *ctx)')
  const takeOutput = library.func('const char *nft_ctx_get_output_buffer(void *ctx)')
  const takeError = library.func('const char *nft_ctx_get_error_buffer(void *ctx)')
  const setFlags = library.func('void nft_ctx_output_set_flags(void *ctx, unsigned int flags)')
  const setDryRun = library.func('void nft_ctx_set_dry_run(void *ctx, bool dry)')
  const runBuffer = library.func('int nft_run_cmd_from_buffer(void *ctx, const char *text)')
  const runFile = library.func('int nft_run_cmd_from_filename(void *ctx, const char *file)')

  const open = (): Context => {
    const context: Context | null = createContext(0)
    if (context === null) throw new Error('libnftables gives no context')
    bufferOutput(context)
    bufferError(context)
    return context
  }
  const call = (run: ForeignFunction, context: Context, text: string) =>
    new Promise<{ok: boolean; output: string; error: string}>((resolve, reject) => {
      run.async(context, text, (failure: Error | null, code: number) => {
        if (failure) return reject(failure)
        // Both must be taken each time: taking is what empties them.
        resolve({ok: code === 0, output: takeOutput(context) ?? '', error: takeError(context) ?? ''})
      })
    })
  async function withContext<T>(work: (context: Context) => Promise<T>): Promise<T> {
    const context = open()
    try {
      return await work(context)
    } finally {
      freeContext(context)
    }
  }

  let main = open()
  /** A context keeps what it was told, a kilobyte an element, and glibc keeps what the context gives back. */
  async function forget(): Promise<void> {
    const old = main
    main = open()
    await new Promise((resolve) => freeContext.async(old, resolve))
    if (trim) await new Promise((resolve) => trim.async(0, resolve))
  }
  return {
    kind: 'library',

    async run(script) {
      const {ok, error} = await call(runBuffer, main, script)
      if (script.length >= LARGE) await forget()
      return ok ? null : firstWords(error)
    },

    // From a buffer nft 1.0.6 tells the column but not the line, from a file both.
    async explain(script): Promise<readonly NftError[]> {
      // On a full disk the refusal stands without a line.
      const folder = await mkdtemp(join(tmpdir(), 'isthmus-nft-')).catch(ifOfDisk)
      if (folder === null) return []
      try {
        const file = join(folder, 'script')
        if ((await writeFile(file, script).catch(ifOfDisk)) === null) return []
        return await withContext(async (context) => {
          setDryRun(context, true)
          const {ok, error} = await call(runFile, context, file)
          return ok ? [] : parseErrors(error)
        })
      } finally {
        await rm(folder, {recursive: true})
      }
    },

    list(command, format) {
      return withContext(async (context) => {
        setFlags(context, format === 'json' ? JSON_OUTPUT : 0)
        const {ok, output} = await call(runBuffer, context, command)
        return ok ? output : null
      })
    },

    close() {
      freeContext(main)
    },
  }
}

const load = (name: string): LibraryHandle | null => ifThere(() => koffi.load(name))

const functionOf = (library: LibraryHandle | null, prototype: string): ForeignFunction | null =>
  library && ifThere(() => library.func(prototype))

function ifThere<T>(find: () => T): T | null {
  try {
    return find()
  } catch (error) {
    if (error instanceof Error) return null
    throw error
  }
}
