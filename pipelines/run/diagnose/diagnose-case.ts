/** `diagnose` over a folder of files: the same diagnosis as the stream's, with all ranks. */
import type { Evidence } from "../../core/records.ts";
import { type Analysis, analyse } from "../../diagnose/analyse.ts";
import { explain } from "../../diagnose/diagnose.ts";
import { type CaseFolder, readCaseFolder } from "../../ingest/case/case-folder.ts";
import { caseViewOf, columnOf } from "./case-view-of.ts";
import { maskedTemplate } from "./log-template.ts";

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
  readonly missing: readonly string[];
}

export interface DiagnoseCaseOptions {
  /** Overrides the folder's `onset.json`. */
  readonly onsetMs?: number | null;
  /** Neither the option nor the folder is believed. */
  readonly ignoreOnset?: boolean;
}

/** @throws PipelineError as `readCaseFolder` */
export async function diagnoseCase(
  dir: string,
  { onsetMs = null, ignoreOnset = false }: DiagnoseCaseOptions = {},
): Promise<CaseAnswer> {
  const folder = await readCaseFolder(dir, { templateOf: maskedTemplate, onset: !ignoreOnset && onsetMs === null });
  return answerOf(folder, analyseFolder(folder, { onsetMs, ignoreOnset }));
}

export function analyseFolder(
  folder: CaseFolder,
  { onsetMs = null, ignoreOnset = false }: DiagnoseCaseOptions = {},
): Analysis {
  return analyse({ ...caseViewOf(folder), givenOnsetMs: ignoreOnset ? null : (onsetMs ?? folder.onsetMs) });
}

export function answerOf(folder: CaseFolder, analysis: Analysis): CaseAnswer {
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
    missing: [...diagnosis.missing, ...folder.notes],
  };
}

const round = (v: number): number => Math.round(v * 1e4) / 1e4;
