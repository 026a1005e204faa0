{{- define "rollkeeper.name" -}}
{{- .Chart.Name -}}
{{- end -}}

{{/* One controller a release: the release's name, with the chart's in it. 52: suffixes are added. */}}
{{- define "rollkeeper.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "rollkeeper.selector" -}}
app.kubernetes.io/name: {{ include "rollkeeper.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rollkeeper.labels" -}}
{{ include "rollkeeper.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: controller
app.kubernetes.io/part-of: rollkeeper
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "rollkeeper.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "rollkeeper.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "rollkeeper.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "rollkeeper.imagesNamespace" -}}
{{- default .Release.Namespace .Values.imagesNamespace -}}
{{- end -}}

{{/* The subject of every binding. */}}
{{- define "rollkeeper.subjects" -}}
- kind: ServiceAccount
  name: {{ include "rollkeeper.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* A Role with its binding. Arguments: root, namespace, name, rules. */}}
{{- define "rollkeeper.role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "rollkeeper.labels" .root | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "rollkeeper.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  {{- include "rollkeeper.subjects" .root | nindent 2 }}
{{- end -}}
