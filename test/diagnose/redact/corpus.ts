/**
 * Lines as they stand in process lists and logs, some with a secret in them. What is between braces is made at run
 * time, so that no scanner of a code host takes a line for a real key: `{b62:36}` is 36 random characters of that
 * alphabet, `{=text}` the text itself, `{pw}` a password as people choose one, another for each seed. All are the secret.
 */
const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = LOWER.toUpperCase();
const DIGITS = "0123456789";

const ALPHABETS: Record<string, string> = {
  b62: UPPER + LOWER + DIGITS,
  b64: `${UPPER + LOWER + DIGITS}+/`,
  b64u: `${UPPER + LOWER + DIGITS}-_`,
  b36: LOWER + DIGITS,
  b32: `${UPPER}234567`,
  up: UPPER + DIGITS,
  hex: `${DIGITS}abcdef`,
  dec: DIGITS,
};

const CHOSEN = "hunter2 tiger Summer2024! letmein correct-horse x9Kq2LmZ7wRt P@ssw0rd qwerty".split(" ");

export const SECRETS: readonly string[] = [
  // Amazon
  "aws configure set aws_access_key_id AKIA{up:16}",
  "AWS_ACCESS_KEY_ID=ASIA{up:16} AWS_SECRET_ACCESS_KEY={b64:40} aws s3 sync s3://bucket /data",
  "s3fs bucket /mnt/s3 -o passwd_file=/etc/s3fs -o aws_secret_access_key={b64:40}",
  "restic -r s3:s3.amazonaws.com/backups backup /srv {b64:40}",
  "AWS_SESSION_TOKEN={b64:220} python3 upload.py",
  "GET /bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={hex:64}&X-Amz-Expires=300",
  "Authorization: AWS4-HMAC-SHA256 Credential=AKIA{up:16}/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature={hex:64}",
  // Google, Azure
  "curl https://maps.googleapis.com/maps/api/geocode/json?address=x&key=AIza{b64u:35}",
  "gcloud auth print-access-token ya29.{b64u:120}",
  "GOOGLE_CLIENT_SECRET=GOCSPX-{b64u:28}",
  '{"type":"service_account","private_key_id":"{hex:40}","private_key":"-----BEGIN PRIVATE KEY-----\\n{b64:64}\\n{b64:64}\\n-----END PRIVATE KEY-----\\n"}',
  "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={b64:86}==;EndpointSuffix=core.windows.net",
  "azcopy copy /data https://shop.blob.core.windows.net/c?sv=2024-08-04&se=2026-12-01&sp=rwl&sig={b64u:43}%3D",
  "az login --service-principal -u 8f14e45f-ceea-467f-a34e-123456789abc -p {b62:3}8Q~{b62:34} --tenant contoso",
  "Endpoint=sb://bus.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b64:43}=",
  // Code hosts
  "git clone https://ghp_{b62:36}@github.com/acme/app.git",
  "git clone https://oauth2:glpat-{b62:20}@gitlab.com/acme/app.git",
  "GITHUB_TOKEN=github_pat_{b62:22}_{b62:59} gh pr list",
  "docker build --build-arg TOKEN=gho_{b62:36} .",
  "gitlab-runner register --registration-token GR1348941{b64u:20}",
  "remote: invalid credentials ghs_{b62:36} for acme/app",
  "bitbucket-sync --app-password ATBB{b62:32}",
  // Chat, mail, phones
  "SLACK_BOT_TOKEN=xoxb-{dec:12}-{dec:12}-{b62:24} node bot.js",
  "curl -X POST https://hooks.slack.com/services/T{up:8}/B{up:8}/{b62:24}",
  "python3 notify.py --webhook https://discord.com/api/webhooks/{dec:18}/{b64u:68}",
  "telegram-send --token {dec:10}:AA{b64u:33} hello",
  "SENDGRID_API_KEY=SG.{b64u:22}.{b64u:43}",
  "mailgun key-{hex:32}",
  "TWILIO_AUTH_TOKEN={hex:32} TWILIO_ACCOUNT_SID=AC{hex:32}",
  // Language models
  "OPENAI_API_KEY=sk-proj-{b64u:48} python3 chat.py",
  "python3 agent.py --api-key sk-{b62:48}",
  "claude --key sk-ant-api03-{b64u:93}AA",
  "huggingface-cli login --token hf_{b62:34}",
  "vllm serve meta-llama/Llama-3.1-8B --hf-token hf_{b62:34} --port 8000",
  "WANDB_API_KEY={hex:40} torchrun train.py",
  "nvcr login nvapi-{b64u:64}",
  "curl -H 'x-api-key: {b62:32}' http://10.0.0.5:8000/v1/models",
  "groq chat gsk_{b62:52}",
  // Registries, payments, infrastructure
  "npm publish --//registry.npmjs.org/:_authToken=npm_{b62:36}",
  "twine upload -u __token__ -p pypi-AgEIcHlwaS5vcmc{b64u:150} dist/pkg.whl",
  "//registry.example.com/:_auth={b64:40}",
  "STRIPE_KEY=sk_live_{b62:24} ruby pay.rb",
  "stripe listen --api-key rk_test_{b62:24} whsec_{b62:32}",
  "VAULT_TOKEN=hvs.{b64u:90} vault kv get secret/app",
  "vault login s.{b62:24}",
  "doctl auth init -t dop_v1_{hex:64}",
  "DATABRICKS_TOKEN=dapi{hex:32} databricks jobs list",
  "terraform login {b62:14}.atlasv1.{b64u:67}",
  "docker login -u acme -p dckr_pat_{b64u:27}",
  "grafana-agent --api-token glsa_{b62:32}_{hex:8}",
  "kubectl --token=eyJhbGciOiJSUzI1NiIsImtpZCI6Ij{b64u:20}.{b64u:200}.{b64u:342} get pods",
  "kubeadm join 10.0.0.1:6443 --token {b36:6}.{b36:16} --discovery-token-ca-cert-hash sha256:0123",
  "consul agent -encrypt {b64:43}=",
  "CONSUL_HTTP_TOKEN={hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12} consul members",
  "age -d -i AGE-SECRET-KEY-1{up:58} file.age",
  // Databases
  "psql postgres://shop:{=s3cr3t-Pa55}@db.internal:5432/shop",
  "postgresql://app:{b62:20}@10.0.0.7/app?sslmode=require",
  "mysqldump -u root -p{=Winter2025!x} shop",
  "mysql --user=root --password={=correct-horse-battery} shop",
  "mysqladmin -uroot -p{b62:16} processlist",
  "MYSQL_PWD={=blaubeere77} mysql -e status",
  "app:{b62:18}@tcp(10.0.0.5:3306)/shop?parseTime=true",
  "mongosh mongodb+srv://admin:{b62:16}@cluster0.abcde.mongodb.net/test",
  "mongodump -u admin -p {=Tr0ub4dor&3} --db shop",
  "redis-cli -h cache -a {=foobared-2024} monitor",
  "redis://:{b62:32}@cache:6379/0",
  "PGPASSWORD={=letmein-now} pg_dump -h db shop",
  "Server=tcp:sql.example.net;User ID=sa;Password={=yourStrong(!)Pw};Encrypt=True",
  "sqlcmd -S db -U sa -P {=Passw0rd!xyz}",
  "ALTER USER shop WITH PASSWORD '{=hunter2hunter2}'",
  "CREATE USER x IDENTIFIED BY '{=mariposa-99}'",
  "spark-submit --conf spark.jdbc.password={b62:14} job.py",
  "java -Djavax.net.ssl.keyStorePassword={=ch4ngeit-really} -jar app.jar",
  "java -Dspring.datasource.password={b62:20} -jar shop.jar",
  "amqp://guest:{=rabbit-pw-42}@mq:5672/%2f",
  "jdbc:oracle:thin:scott/{=t1gerlily}@db:1521/orcl",
  "sqlplus scott/{=t1gerlily}@orcl",
  // Transport
  "sshpass -p {=Sommer2025!} ssh deploy@web-1",
  "sshpass -p{=Sommer2025!} scp file deploy@web-1:/srv",
  "curl -u admin:{=Gr33nHouse!} https://nexus.example.com/repo",
  "curl --user admin:{b62:12} -O https://files.example.com/x",
  'curl -H "Authorization: Basic YWRtaW46{b64:20}" https://example.com',
  'curl -H "Authorization: Bearer {b62:40}" https://api.example.com/v1',
  "curl -H Authorization: token {hex:40} https://api.github.com/user",
  "wget --http-user=bob --http-password={=fluffybunny7} https://example.com/f",
  "lftp -u bob,{=fluffybunny7} sftp://example.com",
  "ftp://anonymous:{=me-and-my-cat}@ftp.example.com/pub",
  "smbclient //nas/share -U bob%{=fluffybunny7}",
  "mount.cifs //nas/share /mnt -o username=bob,password={=fluffybunny7}",
  "ldapsearch -x -D cn=admin,dc=acme -w {=ldap-adm1n-pw} -b dc=acme",
  "openssl enc -aes-256-cbc -pass pass:{=open-sesame-now} -in f",
  "openssl rsa -in key.pem -passin pass:{=opensesame99}",
  "gpg --batch --passphrase {=opensesame99} -c file",
  "7z a -p{=opensesame99} out.7z /srv",
  "zip -P {=opensesame99} out.zip file",
  "plink -ssh bob@web -pw {=fluffybunny7}",
  "ipmitool -H 10.0.0.9 -U ADMIN -P {=fluffybunny7} power status",
  "snmpwalk -v2c -c {=pr1vate-comm} 10.0.0.1",
  "mosquitto_pub -h mq -u dev -P {=fluffybunny7} -t x -m y",
  "htpasswd -bB /etc/nginx/users bob {=fluffybunny7}",
  "sh -c echo bob:{=fluffybunny7} | chpasswd",
  "ansible-playbook site.yml -e ansible_become_pass={=fluffybunny7}",
  "wpa_supplicant psk={hex:64}",
  // Web
  "GET /cb?code={b62:40}&state=x HTTP/1.1",
  "GET /api?access_token={b62:32}&page=2 HTTP/1.1",
  "Cookie: session={b64u:43}; csrftoken={b62:32}; theme=dark",
  "curl -b sessionid={b36:32} https://example.com",
  "Set-Cookie: JSESSIONID={up:32}; Path=/; HttpOnly",
  'POST /login {"user":"bob","password":"{=Gr33nHouse!}"}',
  'request failed: {\\"client_secret\\": \\"{b64u:40}\\"}',
  "login failed, password is {=Gr33nHouse!}",
  "machine api.example.com login bob password {=fluffybunny7}",
  "X-Vault-Token: {b62:26}",
  'Digest username="bob", realm="x", nonce="{hex:32}", response="{hex:32}"',
  "app --session-id {b36:26} --license {up:5}-{up:5}-{up:5}-{up:5}",
  // Keys
  "echo -----BEGIN OPENSSH PRIVATE KEY-----?{b64:70}?{b64:70}?{b64:30}=?-----END OPENSSH PRIVATE KEY-----",
  "-----BEGIN RSA PRIVATE KEY----- {b64:64} {b64:64} {b64:20}",
  "-----BEGIN PGP PRIVATE KEY BLOCK----- {b64:64} {b64:64} -----END PGP PRIVATE KEY BLOCK-----",
  "echo {b64:64} | base64 -d",
  "signer --hmac {hex:64}",
  'restic --password-command "echo {=bluewhale77}" backup /srv',
  "restic --password-command echo {=bluewhale77} backup /srv",
  "bash -c rsync --password-file=<(echo {=fluffybunny7}) /srv rsync://bob@nas/srv",
  `expect -c spawn ssh web-1; expect "word:"; send "{=fluffybunny7}\\r"`,
  "rclone sync /srv b2: --b2-key {b62:31}",
  "openvpn --auth-user-pass bob:{b62:14}",
  "wg set wg0 private-key {b64:43}=",
  '{"auths":{"ghcr.io":{"auth":"{b64:36}"}}}',
  "tailscale up --authkey tskey-auth-{b62:12}-{b62:32}",
  "xfreerdp /v:host /u:bob /p:{=Hamster1!}",
  'psql "host=db user=bob password={=hamster-7} dbname=shop"',
  "app {b62:32}",
  "oathtool --totp -b {b32:32}",
  "encrypt-tool --iv {hex:32} --in f",
  "DJANGO_SECRET_KEY=django-insecure-{b36:50}",
  "SECRET_KEY_BASE={hex:128} puma",
  "xoxb-{dec:6}",
  "ghp_{b62:8}",
  "postgres: app shop [local] password={=blaubeere77}",
  "密码：{=Zhongguo2025}",
  "数据库口令={=Zhongguo2025} 连接失败",
];

/** What belongs to a diagnosis and gives nothing away. */
export const HARMLESS: readonly string[] = [
  "python3 train.py --config configs/big.yaml --epochs 30 --lr 3e-4",
  "torchrun --nproc_per_node=8 --nnodes=2 --rdzv_backend=c10d train.py",
  "python3 -m torch.distributed.launch --use_env main.py",
  "/usr/bin/python3.11 -u /opt/app/venv/bin/gunicorn app.wsgi:application --workers 4",
  "vllm serve Qwen/Qwen2.5-Coder-32B-Instruct-AWQ --tensor-parallel-size 4 --max-model-len 32768",
  "--max-tokens 4096 --tokenizer-mode auto --tokenizer mistralai/Mixtral-8x7B-Instruct-v0.1",
  "--max_new_tokens=512 --eos_token_id 151645 --pad_token <|endoftext|>",
  "--tokenizer_name_or_path meta-llama/Meta-Llama-3.1-70B-Instruct",
  "java -Xms4g -Xmx4g -XX:+UseG1GC -Dfile.encoding=UTF-8 -jar /opt/app/shop-service-1.14.2.jar",
  "org.apache.kafka.common.network.SslTransportLayer kafka.Kafka /etc/kafka/server.properties",
  "node --max-old-space-size=4096 /srv/app/node_modules/.bin/next start -p 3000",
  "nginx: worker process",
  "postgres: autovacuum launcher",
  "postgres: checkpointer",
  "/usr/sbin/sshd -D -o ListenAddress=0.0.0.0",
  "ssh -p 2222 -i /etc/ssh/deploy_key web-1 uptime",
  "rsync -a --delete --exclude=.git /srv/data/ backup:/srv/data/",
  "docker run --rm -p 8080:80 -v /srv/www:/usr/share/nginx/html:ro nginx:1.27-alpine",
  "docker run --user 1000:1000 redis:7",
  "docker logs -f 3f4e5d6c7b8a9f0e1d2c3b4a5f6e7d8c9b0a1f2e3d4c5b6a7f8e9d0c1b2a3f4e",
  "/usr/bin/containerd-shim-runc-v2 -namespace moby -id 3f4e5d6c7b8a9f0e1d2c3b4a5f6e7d8c9b0a1f2e3d4c5b6a7f8e9d0c1b2a3f4e -address /run/containerd/containerd.sock",
  "cgroup:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod8f14e45f_ceea_467f_a34e_123456789abc.slice/cri-containerd-3f4e5d6c7b8a9f0e1d2c3b4a5f6e7d8c9b0a1f2e3d4c5b6a7f8e9d0c1b2a3f4e.scope",
  "cgroup:/docker/3f4e5d6c7b8a9f0e1d2c3b4a5f6e7d8c9b0a1f2e3d4c5b6a7f8e9d0c1b2a3f4e",
  "ghcr.io/acme/app@sha256:3f4e5d6c7b8a9f0e1d2c3b4a5f6e7d8c9b0a1f2e3d4c5b6a7f8e9d0c1b2a3f4e",
  "git checkout 9fceb02d0ae598e95dc970b74767f19372d61af8",
  "git rev-parse --verify HEAD^{commit}",
  "git fetch --depth 1 origin 9fceb02d0ae598e95dc970b74767f19372d61af8",
  "pip install git+https://github.com/acme/lib@9fceb02d0ae598e95dc970b74767f19372d61af8",
  "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
  "mount -o subvol=@home UUID=8f14e45f-ceea-467f-a34e-123456789abc /mnt",
  "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_S73JNJ0W123456A",
  "/dev/mapper/ubuntu--vg-ubuntu--lv",
  "/nix/store/5rh8xv1zmdkkqnqxw0ljkvb7l3mvwqz1-glibc-2.39-52/lib/ld-linux-x86-64.so.2",
  "/var/lib/docker/overlay2/3f4e5d6c7b8a9f0e1d2c3b4a5f6e7d8c9b0a1f2e3d4c5b6a7f8e9d0c1b2a3f4e/merged",
  "bazel-out/k8-fastbuild/bin/src/main/java/com/example/Server",
  "/tmp/_bazel_build/9e107d9d372bb6826bd81d3542a419d6/execroot/acme/bazel-out/k8-opt/bin/server",
  "/opt/hf/hub/models--meta-llama--Llama-3.1-8B/snapshots/0e9e39f249a16976918f6564b8830bc894c89659/model-00001-of-00004.safetensors",
  "pipe:[123456789]",
  "socket:[4026531992]",
  "anon_inode:[eventpoll]",
  "lock:fe:00:1234567",
  "futex:700:7f00deadbeef",
  "tcp:10.0.0.1:29500-10.0.0.2:41000",
  "unix:123456-123457",
  "pid-4711/tid-4712",
  "error.hw XID_79 gpu-03",
  "futex_wait_queue",
  "nvme_complete_batch_req+0x12/0x40 [nvme_core]",
  "in __x64_sys_getdents64, waiting in rwsem_down_read_slowpath",
  "rpc_wait_bit_killable, for nfs4 filer:/export on /mnt/data",
  "FLOCK ADVISORY WRITE 302 08:01:42 0 EOF",
  "clock_nanosleep(0, …) in hrtimer_nanosleep",
  "futex(0x7f3a9c0a2b10, FUTEX_WAIT_PRIVATE, 2, …)",
  "wait4(301, …) in do_wait",
  "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
  "libnccl.so.2.21.5+cuda12.4",
  "libcudart-d0da41ae.so.11.0 libnvidia-ptxjitcompiler.so.550.54.15",
  "_ZN5torch8autograd6Engine17evaluate_functionERSt10shared_ptrINS0_9GraphTaskEE",
  "NVIDIA-H100-80GB-HBM3 GPU-8f14e45f-ceea-467f-a34e-123456789abc",
  "CUDA_VISIBLE_DEVICES=0,1,2,3 OMP_NUM_THREADS=8 NCCL_DEBUG=INFO",
  "LD_LIBRARY_PATH=/usr/local/cuda-12.4/lib64:/opt/hpcx/ucx/lib",
  "PWD=/srv/app OLDPWD=/srv SSH_AUTH_SOCK=/tmp/ssh-agent.1/agent.1",
  "slurmstepd: [1234567.batch]",
  "srun --job-name=llama-pretrain-7b --ntasks-per-node=8 --gres=gpu:8 --time=48:00:00",
  "--password-file /run/secrets/db_password --token-file=/var/run/secrets/kubernetes.io/serviceaccount/token",
  "postgres_exporter --web.listen-address=:9187 --auto-discover-databases",
  "etcd --cert-file=/etc/etcd/server.crt --key-file=/etc/etcd/server.key --client-cert-auth=true",
  "kube-apiserver --secure-port=6443 --service-account-key-file=/etc/kubernetes/pki/sa.pub",
  "sort --key=2,2n --parallel=4 big.tsv",
  "ffmpeg -i in.mp4 -c:v libx264 -preset veryfast -crf 23 -pass 1 out.mp4",
  "DataLoader(num_workers=8, pin_memory=True, prefetch_factor=4)",
  "redis-server *:6379",
  "mysqld --basedir=/usr --datadir=/var/lib/mysql --pid-file=/run/mysqld/mysqld.pid",
  "mysql -h db -P 3306 -u app shop",
  "systemd-journald user@1000.service session-3.scope",
  "curl -sSfL https://example.com/releases/v1.2.3/tool-linux-amd64.tar.gz -o /tmp/tool.tar.gz",
  "curl -X POST http://localhost:8000/v1/chat/completions -d @body.json",
  "s3://bucket/datasets/imagenet/train/n01440764/n01440764_10026.JPEG",
  "/data/checkpoints/step_000123000/model_optim_rng.pt",
  "events.out.tfevents.1767323045.worker-3.4711.0",
  "rustc --crate-name serde_json --edition=2021 -C metadata=abc123 -C opt-level=3",
  "g++ -O2 -std=c++20 -DNDEBUG -I/usr/include/x86_64-linux-gnu -c engine.cpp",
  "cc1plus -fsanitize=address,undefined -fno-omit-frame-pointer",
  "celery -A proj.celery worker --concurrency=8 --loglevel=INFO -Q high,default",
  "sh -c trap 'exit 0' TERM; while :; do sleep 1; done",
  "find / -xdev -name *.log -mtime +30 -delete",
  "xfs_buf_iowait jbd2/nvme0n1p2-8 kworker/u64:3-events_unbound",
  "tar --use-compress-program=zstd -cf /backup/2026-01-01T00:00:00Z.tar.zst /srv",
  "wireplumber dbus-daemon --session --address=systemd: --nofork --nopidfile",
  "Xorg :0 -seat seat0 -auth /run/lightdm/root/:0 -nolisten tcp vt7",
  "basic authentication failed for user app",
  "the token was refused; the session ended; the key is missing",
  "checkpoint saved in 93.4 s (12.4 GiB, 136 MiB/s)",
  "1767323045678 4294967295 18446744073709551615 0xffffffff81000000",
  "com.zaxxer.hikari.pool.HikariPool-1 housekeeper",
  "--enable-prefix-caching --kv-cache-dtype fp8_e5m2 --gpu-memory-utilization 0.92",
  "webpack --mode=production --output-hashed main.3f4e5d6c.js",
  "python3 -c from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)",
  "ray::RolloutWorker.sample() default_worker.py --node-manager-port=40123 --object-store-name=/tmp/ray/session_2026-01-01_00-00-00_123456_1/sockets/plasma_store",
  "训练 进程 等待 数据 加载",
];

export interface Sample {
  line: string;
  secrets: string[];
}

/** The same seed makes the same sample. */
export function sampleOf(template: string, seed: number): Sample {
  const random = randomFrom(seed);
  const secrets: string[] = [];
  const line = template.replace(
    /\{(?:(\w+):(\d+)|=([^}]+)|pw)\}/g,
    (mark, alphabet?: string, length?: string, text?: string) => {
      const chosen = mark === "{pw}" ? CHOSEN[seed % CHOSEN.length] : text;
      const made = chosen ?? randomText(ALPHABETS[alphabet ?? ""] ?? "", Number(length), random);
      secrets.push(made);
      return made;
    },
  );
  return { line, secrets };
}

/** The pieces of six characters of a secret that stand in a text. Shorter secrets count as one piece. */
export function leaksOf(secrets: readonly string[], text: string): string[] {
  return secrets.flatMap((secret) => {
    const length = Math.min(PIECE, secret.length);
    const pieces = Array.from({ length: secret.length - length + 1 }, (_, at) => secret.slice(at, at + length));
    return pieces.filter((piece) => length >= MIN_PIECE && text.includes(piece));
  });
}

const PIECE = 6;
const MIN_PIECE = 4;

function randomText(alphabet: string, length: number, random: () => number): string {
  return Array.from({ length }, () => alphabet.charAt(Math.floor(random() * alphabet.length))).join("");
}

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
