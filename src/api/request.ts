import type {Reply} from './answer.ts'
import type {GatewayView} from './gateway-view.ts'
import type {KeptLists} from './kept-lists.ts'

export interface Request {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: () => Promise<string>
  /** Lists that are read page by page. */
  readonly lists: KeptLists
}

export type Handler = (view: GatewayView, request: Request, rest: readonly string[]) => Reply | Promise<Reply>
export type Routes = Readonly<Record<string, Readonly<Partial<Record<'GET' | 'POST', Handler>>>>>
