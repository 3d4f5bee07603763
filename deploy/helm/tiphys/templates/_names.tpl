{{- define "tiphys.labels" -}}
app.kubernetes.io/name: tiphys
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "tiphys.selector" -}}
app.kubernetes.io/name: tiphys
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "tiphys.serverSelector" -}}
app.kubernetes.io/name: tiphys-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "tiphys.serverLabels" -}}
{{ include "tiphys.serverSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "tiphys.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- define "tiphys.role" -}}
{{- if .Values.controller.singleNamespace }}Role{{ else }}ClusterRole{{ end }}
{{- end }}
{{- define "tiphys.roleName" -}}
{{- if .Values.controller.singleNamespace }}{{ .Release.Name }}-controller{{ else }}{{ .Release.Name }}-controller-{{ .Release.Namespace }}{{ end }}
{{- end }}
{{- define "tiphys.databaseKind" -}}
{{- if .Values.postgresql.enabled }}postgresql{{ else if .Values.mysql.enabled }}mysql{{ else }}{{ .Values.database.kind }}{{ end }}
{{- end }}
{{- define "tiphys.databaseSecret" -}}
{{- .Values.database.secret.name | default (printf "%s-database" .Release.Name) }}
{{- end }}
{{- /* The configuration: what the values say, with the database and the object store of this chart where it says nothing. */ -}}
{{- define "tiphys.config" -}}
{{- $config := deepCopy .Values.config }}
{{- $kind := include "tiphys.databaseKind" . }}
{{- if and .Values.postgresql.enabled .Values.mysql.enabled }}{{ fail "postgresql and mysql are both enabled" }}{{ end }}
{{- if and $kind (not (hasKey $config "persistence")) }}
{{- $db := .Values.database }}
{{- $isDemo := or .Values.postgresql.enabled .Values.mysql.enabled }}
{{- $host := ternary (printf "%s-%s" .Release.Name $kind) $db.host $isDemo }}
{{- if not $host }}{{ fail "database.host is missing" }}{{ end }}
{{- $secret := include "tiphys.databaseSecret" . }}
{{- $server := dict "host" $host "port" (int ($db.port | default (ternary 5432 3306 (eq $kind "postgresql")))) "database" $db.name "userNameSecret" (dict "name" $secret "key" $db.secret.usernameKey) "passwordSecret" (dict "name" $secret "key" $db.secret.passwordKey) }}
{{- if eq $kind "postgresql" }}
{{- $_ := set $server "tableName" "argo_workflows" }}
{{- with $db.sslMode }}{{ $_ := set $server "sslMode" . }}{{ end }}
{{- else }}
{{- $_ := set $server "tableName" "argo_workflows" }}
{{- with $db.sslMode }}{{ $_ := set $server "options" (dict "tls" (get (dict "disable" "false" "prefer" "preferred" "require" "skip-verify" "verify-ca" "true" "verify-full" "true") .)) }}{{ end }}
{{- end }}
{{- $persistence := dict "archive" $db.archive "nodeStatusOffLoad" $db.nodeStatusOffLoad $kind $server }}
{{- with $db.archiveTTL }}{{ $_ := set $persistence "archiveTTL" . }}{{ end }}
{{- with $db.clusterName }}{{ $_ := set $persistence "clusterName" . }}{{ end }}
{{- $_ := set $config "persistence" $persistence }}
{{- end }}
{{- if and .Values.minio.enabled (not (hasKey $config "artifactRepository")) }}
{{- $key := .Values.minio.secretName }}
{{- $s3 := dict "bucket" .Values.minio.bucket "endpoint" (printf "%s-minio.%s:9000" .Release.Name .Release.Namespace) "insecure" true "accessKeySecret" (dict "name" $key "key" "accesskey") "secretKeySecret" (dict "name" $key "key" "secretkey") "createBucketIfNotPresent" (dict "objectLocking" false) }}
{{- $_ := set $config "artifactRepository" (dict "s3" $s3) }}
{{- end }}
{{- $config | toYaml }}
{{- end }}
{{- /* The names of the Secrets that the configuration's database names. */ -}}
{{- define "tiphys.databaseSecrets" -}}
{{- $names := list }}
{{- $config := include "tiphys.config" . | fromYaml }}
{{- range $block := list "persistence" "synchronization" }}
{{- with get $config $block }}
{{- if kindIs "map" . }}
{{- range $kind := list "postgresql" "mysql" }}
{{- with get (get $config $block) $kind }}
{{- range $field := list "userNameSecret" "passwordSecret" }}
{{- with get (get (get $config $block) $kind) $field }}{{ $names = append $names .name }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- $names | uniq | toYaml }}
{{- end }}
{{- /* The names of the Secrets that the server reads for itself. */ -}}
{{- define "tiphys.serverSecrets" -}}
{{- $names := include "tiphys.databaseSecrets" . | fromYamlArray }}
{{- with .Values.server.tlsSecretName }}{{ $names = append $names . }}{{ end }}
{{- if has "sso" .Values.server.authModes }}
{{- $sso := get (include "tiphys.config" . | fromYaml) "sso" }}
{{- if not (kindIs "map" $sso) }}{{ fail "server.authModes has sso: config.sso is missing" }}{{ end }}
{{- range $field := list "clientId" "clientSecret" }}
{{- with get $sso $field }}{{ $names = append $names .name }}{{ end }}
{{- end }}
{{- end }}
{{- if .Values.server.webhooks }}{{ $names = append $names "argo-workflows-webhook-clients" }}{{ end }}
{{- $names | uniq | toYaml }}
{{- end }}
{{- /* The names of the Secrets with logins of stores, as far as the chart knows them. */ -}}
{{- define "tiphys.artifactSecrets" -}}
{{- $names := .Values.server.artifactSecrets }}
{{- if .Values.minio.enabled }}{{ $names = append $names .Values.minio.secretName }}{{ end }}
{{- $names | uniq | toYaml }}
{{- end }}
{{- /* A password that stays: the one of the values, the one that is there, or a new one. Arguments: chart, Secret, key, value. */ -}}
{{- define "tiphys.kept" -}}
{{- $found := lookup "v1" "Secret" .chart.Release.Namespace .secret }}
{{- if .value }}{{ .value | b64enc }}
{{- else if and $found (hasKey ($found.data | default dict) .key) }}{{ get $found.data .key }}
{{- else }}{{ randAlphaNum 24 | b64enc }}{{ end }}
{{- end }}
{{- /* A volume of a demo: a claim of that size, or nothing that stays. */ -}}
{{- define "tiphys.demoClaim" -}}
{{- if .storage }}
volumeClaimTemplates:
- metadata: {name: data}
  spec:
    accessModes: [ReadWriteOnce]
    resources: {requests: {storage: {{ .storage }}}}
{{- end }}
{{- end }}
