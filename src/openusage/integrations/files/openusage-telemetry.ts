// openusage-integration-version: @VERSION@
// Written by openusage; upgraded and removed by: openusage integrations
// OpenCode loads this plugin. For every finished step and tool call it leaves a file for openusage's daemon: numbers
// and names, no text. It waits for nothing and never fails. No type annotations: any JavaScript engine runs it.

import { randomUUID } from "node:crypto"
import { mkdir, readdir, rename, unlink, writeFile } from "node:fs/promises"
import { join } from "node:path"

const DIR = process.env.OPENUSAGE_HOOK_SPOOL || @SPOOL@
const OFF = /^(0|false|no|off)$/i.test((process.env.OPENUSAGE_TELEMETRY_ENABLED ?? "").trim())
const ACCOUNT = process.env.OPENUSAGE_TELEMETRY_ACCOUNT_ID ?? ""
const MOST_FILES = @MOST_FILES@
const MOST_MESSAGES = 500

const messages = new Map()

async function spool(payload) {
  const name = randomUUID()
  const fresh = join(DIR, `.${name}.tmp`)
  try {
    await mkdir(DIR, { recursive: true, mode: 0o700 })
    if ((await readdir(DIR)).length >= MOST_FILES) return
    const text = JSON.stringify({ source: "opencode", account_id: ACCOUNT, payload })
    await writeFile(fresh, text + "\n", { mode: 0o600, flag: "wx" })
    await rename(fresh, join(DIR, `${name}.json`))
  } catch {
    await unlink(fresh).catch(() => {})
  }
}

function remember(info) {
  const { id, sessionID, role, providerID, modelID, agent, mode, path, time } = info
  messages.delete(id)
  messages.set(id, { id, sessionID, role, providerID, modelID, agent, mode, path: { cwd: path?.cwd }, time })
  if (messages.size > MOST_MESSAGES) messages.delete(messages.keys().next().value)
}

function told(part) {
  const { id, type, callID, tool, cost, tokens, state } = part
  if (type === "step-finish") return { id, type, cost, tokens }
  const ended = type === "tool" && (state?.status === "completed" || state?.status === "error")
  return ended ? { id, type, callID, tool, state: { status: state.status, time: state.time } } : undefined
}

export const OpenUsageTelemetry = async () => ({
  event: async ({ event }) => {
    if (OFF) return
    const { info, part } = event?.properties ?? {}
    if (event?.type === "message.updated" && info?.role === "assistant") remember(info)
    if (event?.type !== "message.part.updated" || !part) return
    const message = messages.get(part.messageID)
    const piece = told(part)
    if (message && piece) void spool({ openusage: 1, message, part: piece })
  },
})
