/** `diagnose` over a folder of files: the same diagnosis as the stream's, with all ranks. */
import { PipelineError } from "../../core/errors.ts";
import type { Evidence } from "../../core/records.ts";
import { type Analysis, analyse } from "../../diagnose/analyse.ts";
import { explain } from "../../diagnose/diagnose.ts";
import { type PastIncident, type SimilarIncident, signatureOf, similarTo } from "../../diagnose/signature.ts";
import { type CaseFolder, readCaseFolder } from "../../ingest/case/case-folder.ts";
import { caseViewOf, columnOf } from "./case-view-of.ts";
import { minedTemplates } from "./log-template.ts";

export interface CaseAnswer {
  readonly onsetMs: number;
  readonly onsetRangeMs: readonly [number, number];
  /** Belief in the first service. */
  readonly confidence: number;
  readonly inconclusive: boolean;
  /** How clearly anything happened at all: about 6 when quiet, 27 for a fault. */
  readonly strength: number;
  readonly headline: string;
  readonly services: readonly {
    readonly name: string;
    readonly score: number;
    readonly confidence: number;
    readonly evidence: readonly Evidence[];
    readonly against: readonly Evidence[];
    readonly path: readonly string[];
  }[];
  readonly metrics: readonly { readonly name: string; readonly score: number }[];
  /** Past incidents of the same look, and what fixed them; the one at hand is left out. */
  readonly similar: readonly SimilarIncident[];
  readonly missing: readonly string[];
}

export interface DiagnoseCaseOptions {
  /** Overrides the folder's `onset.json`. */
  readonly onsetMs?: number | null;
  /** Neither the option nor the folder is believed. */
  readonly ignoreOnset?: boolean;
  /** Incidents whose cause is known. */
  readonly known?: readonly PastIncident[];
}

/** @throws PipelineError as `readCaseFolder` */
export async function diagnoseCase(
  dir: string,
  { onsetMs = null, ignoreOnset = false, known = [] }: DiagnoseCaseOptions = {},
): Promise<CaseAnswer> {
  const folder = await readCaseFolder(dir, { templates: minedTemplates(), onset: !ignoreOnset && onsetMs === null });
  return answerOf(folder, analyseFolder(folder, { onsetMs, ignoreOnset }), known);
}

export function analyseFolder(
  folder: CaseFolder,
  { onsetMs = null, ignoreOnset = false }: DiagnoseCaseOptions = {},
): Analysis {
  return analyse({ ...caseViewOf(folder), givenOnsetMs: ignoreOnset ? null : (onsetMs ?? folder.onsetMs) });
}

/**
 * The signature of a case around its true cause, for `diagnose` to recognise it when it comes again.
 * @throws PipelineError as `readCaseFolder`, and CONFIG_INVALID for a cause that the case does not hold
 */
export async function learnCase(
  dir: string,
  { cause, label, repair, onsetMs }: { cause: string; label: string; repair: string | null; onsetMs: number | null },
): Promise<PastIncident> {
  const folder = await readCaseFolder(dir, { templates: minedTemplates(), onset: onsetMs === null });
  const analysis = analyseFolder(folder, { onsetMs });
  if (!analysis.entities.some((e) => e.name === cause))
    throw new PipelineError("CONFIG_INVALID", `--cause ${cause}`, { detail: `nothing of that name in ${dir}` });
  return { id: folder.name, label, cause, repair, signature: signatureOf(analysis, cause) };
}

export function answerOf(folder: CaseFolder, analysis: Analysis, known: readonly PastIncident[] = []): CaseAnswer {
  const others = known.filter((k) => k.id !== folder.name);
  const suspect = analysis.entities[0]?.name;
  const diagnosis = explain(analysis, { maxSuspects: analysis.entities.length });
  const paths = new Map(diagnosis.suspects.map((s) => [s.name, s.path]));
  return {
    onsetMs: diagnosis.onsetMs,
    onsetRangeMs: diagnosis.onsetRangeMs,
    confidence: diagnosis.confidence,
    inconclusive: diagnosis.inconclusive,
    strength: round(analysis.strength),
    headline: diagnosis.headline,
    services: analysis.entities.map((e) => ({
      name: e.name,
      score: round(e.score),
      confidence: round(e.confidence),
      evidence: e.for,
      against: e.against,
      path: paths.get(e.name) ?? [e.name],
    })),
    metrics: analysis.series.map(({ series, score }) => ({
      name: columnOf(analysis.view.series[series]!),
      score: round(score),
    })),
    similar: suspect === undefined ? [] : similarTo(signatureOf(analysis, suspect), others),
    missing: [...diagnosis.missing, ...folder.notes],
  };
}

const round = (v: number): number => Math.round(v * 1e4) / 1e4;
