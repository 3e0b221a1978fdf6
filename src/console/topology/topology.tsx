import {useEffect, useMemo, useRef, useState} from 'preact/hooks'
import type {GatewayStatus} from '../../api/client.ts'
import {bitRate, milliseconds} from '../figures.ts'
import type {Rate} from '../live.ts'
import {StateMark} from '../mark.tsx'
import {hrefOf} from '../route.ts'
import {SHAPES} from '../state.ts'
import {type Place, placeSites} from './place-sites.ts'
import {type Tie, tiesOf} from './ties.ts'
import {moved, type View, WHOLE, zoomed} from './view-box.ts'

export interface TopologyProps {
  readonly status: GatewayStatus
  readonly rates: ReadonlyMap<string, Rate>
}

/** Up to so many each tunnel is a line of its own, beyond it each site. */
const MOST_WITH_LINES = 40
const LONGEST_NAME = 15
/** Of a name in units of the picture, and on the screen. */
const NAME_SIZE = 13
const LEAST_LEGIBLE = 9

/** This site in the middle, all others around it, and the way to each. */
export function Topology({status, rates}: TopologyProps) {
  const room = useRef<HTMLDivElement>(null)
  const [aspect, setAspect] = useState(1.6)
  const ties = useMemo(() => tiesOf(status.sites, status.tunnels), [status.sites, status.tunnels])
  const names = ties.map(({site}) => site.name).join('\n')
  const picture = useMemo(() => placeSites(names === '' ? [] : names.split('\n'), aspect), [names, aspect])
  const places = useMemo(() => new Map(picture.places.map((place) => [place.name, place])), [picture])
  const [chosen, setChosen] = useState<string | null>(null)
  const {halfWidth, halfHeight} = picture
  const canvas = useView(room, halfWidth, halfHeight)

  useEffect(() => {
    const element = room.current
    if (!element) return
    const watching = new ResizeObserver(() => {
      // In steps, so that a scroll bar that comes or goes does not move all sites.
      setAspect(Math.round((element.clientWidth / Math.max(1, element.clientHeight)) * 5) / 5)
    })
    watching.observe(element)
    return () => watching.disconnect()
  }, [])

  const many = ties.length > MOST_WITH_LINES
  const shown = ties.find(({site}) => site.name === chosen)
  return (
    <div class="topology">
      <div class={`topology-room${many ? ' many' : ''}`} ref={room}>
        {/* biome-ignore lint/a11y/useSemanticElements: a picture of links, and no form */}
        <svg
          viewBox={`${-halfWidth} ${-halfHeight} ${2 * halfWidth} ${2 * halfHeight}`}
          role="group"
          aria-label={`Topology: ${status.site} and ${ties.length} other sites. Arrow keys go from site to site.`}
          onKeyDown={(event) => goOn(event, ties, setChosen)}
        >
          <g ref={canvas.group}>
            <g class="ties">
              {ties.map((tie) => (
                <TieLines
                  key={tie.site.name}
                  tie={tie}
                  place={places.get(tie.site.name)!}
                  rates={rates}
                  single={many}
                  isChosen={tie.site.name === chosen}
                />
              ))}
            </g>
            <a class="site site-own" href={hrefOf('sites', status.site)}>
              <rect x="-46" y="-24" width="92" height="48" rx="12" />
              <text y="-2">{short(status.site)}</text>{' '}
              <text y="14" class="site-sub">
                {short(status.gateway)}
              </text>
            </a>
            {ties.map((tie, index) => (
              <SiteNode
                key={tie.site.name}
                tie={tie}
                place={places.get(tie.site.name)!}
                isStop={chosen === null ? index === 0 : tie.site.name === chosen}
                onChoose={setChosen}
              />
            ))}
          </g>
        </svg>
        <fieldset class="zoom">
          <legend class="unseen">Zoom</legend>
          <button type="button" aria-label="Nearer" onClick={() => canvas.zoom(1.5)}>
            +
          </button>
          <button type="button" aria-label="Farther" onClick={() => canvas.zoom(1 / 1.5)}>
            −
          </button>
          <button type="button" aria-label="Whole picture" onClick={canvas.whole}>
            ⤢
          </button>
        </fieldset>
      </div>
      <p class="topology-word">
        {shown ? <TieWords tie={shown} rates={rates} /> : <span class="quiet">Point at a site to read about it.</span>}
      </p>
    </div>
  )
}

const short = (name: string): string => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name)

function TieWords({tie, rates}: {readonly tie: Tie; readonly rates: TopologyProps['rates']}) {
  const {site, state, word, tunnels, up, rttMs} = tie
  const [rx, tx] = trafficOf(tie, rates)
  return (
    <>
      <strong>{site.name}</strong> <StateMark state={state}>{word}</StateMark>{' '}
      <span>{`${up} of ${tunnels.length} tunnels · ${milliseconds(rttMs)} · in ${bitRate(rx)} · out ${bitRate(tx)}`}</span>
    </>
  )
}

function trafficOf({tunnels}: Tie, rates: TopologyProps['rates']): readonly [rx: number, tx: number] {
  let [rx, tx] = [0, 0]
  for (const {name} of tunnels) {
    const rate = rates.get(name)
    rx += rate?.rx ?? 0
    tx += rate?.tx ?? 0
  }
  return [rx, tx]
}

interface SiteNodeProps {
  readonly tie: Tie
  readonly place: Place
  readonly isStop: boolean
  readonly onChoose: (name: string | null) => void
}

function SiteNode({tie, place: {x, y}, isStop, onChoose}: SiteNodeProps) {
  const {site, state, word, tunnels, up} = tie
  return (
    <g transform={`translate(${x} ${y})`}>
      <a
        class={`site site-${state}`}
        href={hrefOf('sites', site.name)}
        tabIndex={isStop ? 0 : -1}
        data-site={site.name}
        aria-label={`${site.name}: ${word}, ${up} of ${tunnels.length} tunnels up`}
        onFocus={() => onChoose(site.name)}
        onPointerEnter={() => onChoose(site.name)}
      >
        <circle r="15" />
        <path class="glyph" transform="translate(-8 -8)" d={SHAPES[state]} />
        <text y="30">{short(site.name)}</text>
      </a>
    </g>
  )
}

interface TieLinesProps {
  readonly tie: Tie
  readonly place: Place
  readonly rates: TopologyProps['rates']
  readonly single: boolean
  readonly isChosen: boolean
}

/** Thicker with traffic, in steps of ten; dashed where nothing passes. */
function TieLines({tie, place, rates, single, isChosen}: TieLinesProps) {
  const {tunnels, up, state} = tie
  if (single || tunnels.length < 2) {
    const [rx, tx] = trafficOf(tie, rates)
    const its = tunnels.length === 0 ? 'none' : up === 0 ? 'down' : state === 'up' ? 'up' : 'warn'
    return <path class={`tie tie-${its} width-${widthOf(rx + tx)}${isChosen ? ' chosen' : ''}`} d={curve(place, 0)} />
  }
  return (
    <>
      {tunnels.map(({name, up: isUp}, index) => {
        const rate = rates.get(name)
        const bend = (index - (tunnels.length - 1) / 2) * Math.min(22, 60 / tunnels.length)
        const width = widthOf((rate?.rx ?? 0) + (rate?.tx ?? 0))
        return (
          <path
            key={name}
            class={`tie tie-${isUp ? 'up' : 'down'} width-${width}${isChosen ? ' chosen' : ''}`}
            d={curve(place, bend)}
          />
        )
      })}
    </>
  )
}

const widthOf = (bytesPerSecond: number): number =>
  bytesPerSecond < 1000 ? 0 : Math.min(5, Math.floor(Math.log10(bytesPerSecond)) - 2)

/** From the middle, bent to one side by so much. */
function curve({x, y}: Place, bend: number): string {
  if (bend === 0) return `M0 0L${x} ${y}`
  const length = Math.hypot(x, y)
  const [ux, uy] = [-y / length, x / length]
  return `M0 0Q${(x / 2 + ux * bend * 2).toFixed(1)} ${(y / 2 + uy * bend * 2).toFixed(1)} ${x} ${y}`
}

/** One stop for the tab key, arrows from there. */
function goOn(event: KeyboardEvent, ties: readonly Tie[], choose: (name: string) => void): void {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key]
  const from = ties.findIndex(({site}) => site.name === (event.target as Element).getAttribute('data-site'))
  if (step === undefined || from < 0) return
  event.preventDefault()
  const next = ties[(from + step + ties.length) % ties.length]!.site.name
  choose(next)
  const svg = event.currentTarget as Element
  for (const link of svg.querySelectorAll<SVGAElement>('[data-site]')) if (link.dataset.site === next) link.focus()
}

/**
 * Zoom and place are put on the picture itself: nothing is rendered for a frame of a drag. Only the zoom is painted anew;
 * what is drawn aside is moved as a whole, by whoever composes the screen.
 */
function useView(room: {readonly current: HTMLDivElement | null}, halfWidth: number, halfHeight: number) {
  const group = useRef<SVGGElement>(null)
  const view = useRef<View>(WHOLE)
  /** Pixels of one unit of the picture. */
  const unitOf = (element: HTMLElement): number =>
    Math.min(element.clientWidth / (2 * halfWidth), element.clientHeight / (2 * halfHeight))
  const put = (next: View): void => {
    const before = view.current
    view.current = moved(next, 0, 0, halfWidth, halfHeight)
    const element = room.current
    const svg = group.current?.ownerSVGElement
    if (!element || !svg) return
    const {scale, x, y} = view.current
    const unit = unitOf(element)
    svg.style.transform = `translate(${x * unit}px, ${y * unit}px)`
    if (before.scale === scale && group.current?.hasAttribute('transform')) return
    group.current?.setAttribute('transform', `scale(${scale})`)
    element.classList.toggle('zoomed', scale > 1)
    element.classList.toggle('legible', scale * unit * NAME_SIZE >= LEAST_LEGIBLE)
  }
  // What it uses beside these are refs
  useEffect(() => {
    const element = room.current
    const svg = element?.querySelector('svg')
    if (!element || !svg) return
    const wheel = (event: WheelEvent): void => {
      // A plain wheel moves the page.
      if (!event.ctrlKey) return
      event.preventDefault()
      const box = element.getBoundingClientRect()
      const [x, y] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2]
      put(zoomed(view.current, Math.exp(-event.deltaY / 300), x / unitOf(element), y / unitOf(element)))
    }
    const drag = (event: PointerEvent): void => {
      if (event.buttons !== 1 || view.current.scale === 1) return
      const unit = unitOf(element)
      put(moved(view.current, event.movementX / unit, event.movementY / unit, halfWidth, halfHeight))
    }
    const again = (): void => {
      group.current?.removeAttribute('transform')
      put(view.current)
    }
    const watching = new ResizeObserver(again)
    watching.observe(element)
    svg.addEventListener('wheel', wheel, {passive: false})
    svg.addEventListener('pointermove', drag)
    again()
    return () => {
      watching.disconnect()
      svg.removeEventListener('wheel', wheel)
      svg.removeEventListener('pointermove', drag)
    }
  }, [halfWidth, halfHeight])
  return {group, zoom: (factor: number) => put(zoomed(view.current, factor)), whole: () => put(WHOLE)}
}
