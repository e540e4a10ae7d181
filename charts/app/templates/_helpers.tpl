{{- define "app.name" -}}
{{ if .Values.space }}{{ .Release.Name }}{{ else }}{{ include "app.told" . }}{{ end }}
{{- end }}

{{/* The app's name as its processes are told it. */}}
{{- define "app.told" -}}
{{ .Values.app | default .Release.Name }}
{{- end }}

{{/* A name that what follows still fits behind: (dict "name" ... "length" n). Three hyphens stand in none left whole. */}}
{{- define "app.fitting" -}}
{{ if le (len .name) .length }}{{ .name }}{{ else }}{{ printf "%s---%s" (trunc (sub .length 11 | int) .name) (sha256sum .name | trunc 8) }}{{ end }}
{{- end }}

{{/* Set ids may hold a dot (`v12.my-space`), names of Services may not. */}}
{{- define "app.setName" -}}
{{- $set := .set | replace "." "-" }}
{{- printf "%s--%s" (include "app.fitting" (dict "name" (include "app.name" .root) "length" (sub 61 (len $set) | int))) $set }}
{{- end }}

{{- define "app.processName" -}}
{{ printf "%s--%s--%s" (include "app.name" .root) .process (.set | replace "." "-") }}
{{- end }}

{{/* What finds the pods of an app; never changes. */}}
{{- define "app.selector" -}}
app.kubernetes.io/name: {{ include "app.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What finds the pods of one process of one set; never changes. */}}
{{- define "app.processSelector" -}}
{{ include "app.selector" .root }}
app.kubernetes.io/component: {{ .process }}
towpath.dev/kind: process
towpath.dev/set: {{ .set }}
{{- end }}

{{- define "app.commonLabels" -}}
{{ include "app.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | lower }}
towpath.dev/environment: {{ .Values.environment }}
{{- with .Values.space }}
towpath.dev/space: {{ . }}
{{- end }}
{{- end }}

{{/* Metadata of an object: (dict "root" $ "name" ... "labels" text) */}}
{{- define "app.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "app.labels" . | nindent 2 }}
  helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- $annotations := merge (dict) (.annotations | default dict) .root.Values.annotations .root.Values.objectAnnotations }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "app.labels" -}}
{{- $labels := merge (dict) .root.Values.labels (include "app.commonLabels" .root | fromYaml) }}
{{- with .set }}{{ $labels = merge (dict "towpath.dev/set" . "app.kubernetes.io/version" .) $labels }}{{ end }}
{{- with .process }}{{ $labels = merge (dict "app.kubernetes.io/component" .) $labels }}{{ end }}
{{- with .kind }}{{ $labels = merge (dict "towpath.dev/kind" .) $labels }}{{ end }}
{{- toYaml $labels }}
{{- end }}

{{/* The set by its id, or a refusal that names it. */}}
{{- define "app.requireSet" -}}
{{- if not (hasKey .root.Values.sets .set) }}{{ fail (printf "%s names the set %q, which is not in sets" .what .set) }}{{ end }}
{{- end }}

{{/* The split as a map: what was given, else everything to the only set. */}}
{{- define "app.split" -}}
{{- if kindIs "invalid" .Values.split }}
{{- if gt (len .Values.sets) 1 }}{{ fail "there are several sets: say in `split` which share of the requests each gets" }}{{ end }}
{{- range $id, $set := .Values.sets }}{{ if hasKey ($set.processes | default dict) "web" }}{{ dict $id 1 | toYaml }}{{ end }}{{ end }}
{{- else }}
{{- range $id, $weight := .Values.split }}{{ include "app.requireSet" (dict "root" $ "set" $id "what" "split") }}{{ end }}
{{- toYaml .Values.split }}
{{- end }}
{{- end }}

{{/* The set with the largest weight; of equals the one that comes last by its id. Empty where nobody is served. */}}
{{- define "app.mainSet" -}}
{{- $main := "" }}{{ $most := 0 }}
{{- range $id, $weight := (include "app.split" . | fromYaml) }}
{{- if and (gt (int $weight) 0) (ge (int $weight) $most) }}{{ $main = $id }}{{ $most = int $weight }}{{ end }}
{{- end }}
{{- $main }}
{{- end }}

{{/* The set that gets everything; empty where several share it. */}}
{{- define "app.onlySet" -}}
{{- $main := include "app.mainSet" . }}{{ $shares := 0 }}
{{- range $id, $weight := (include "app.split" . | fromYaml) }}{{ if gt (int $weight) 0 }}{{ $shares = add1 $shares }}{{ end }}{{ end }}
{{- if eq (int $shares) 1 }}{{ $main }}{{ end }}
{{- end }}

{{- define "app.resources" -}}
{{- $cpu := .spec.cpu | default .root.Values.resources.cpu }}
{{- $memory := .spec.memory | default .root.Values.resources.memory -}}
requests:
  cpu: {{ $cpu }}
  memory: {{ $memory }}
  ephemeral-storage: 50Mi
limits:
  {{- if .root.Values.resources.cpuLimit }}
  cpu: {{ $cpu }}
  {{- end }}
  memory: {{ $memory }}
  ephemeral-storage: {{ .root.Values.resources.storage }}
{{- end }}
