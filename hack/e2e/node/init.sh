#!/bin/bash
# Process 1 of the node. It was born in pid, net, mount, uts, ipc and cgroup
# namespaces of its own; it furnishes them, starts Kubernetes and reaps what is
# left to it. When it dies the kernel ends everything here, mounts included.
#
# Environment: RUN is the folder of this run, the rest are the constants of
# node_test.go.
set -eu
mount --make-rprivate /
mount -t proc proc /proc
hostname "$NODE"

# The cgroups that the node sees begin at its own.
hierarchies=$(awk -F: '$2 != "" {print $2}' /proc/self/cgroup)
umount -R /sys
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
for h in $hierarchies; do
  dir=/sys/fs/cgroup/${h#name=}
  case $h in name=*) option=none,$h ;; *) option=$h ;; esac
  mkdir -p "$dir"
  mount -t cgroup -o "$option" "${h#name=}" "$dir"
done

# What containerd and kubelet write, and who the node believes to be.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/etcd /run/sysctl
for dir in var/lib/kubelet var/lib/containerd var/lib/cni var/log/pods var/log/containers etc/cni/net.d; do
  mkdir -p "$RUN/root/$dir" "/$dir"
  mount --bind "$RUN/root/$dir" "/$dir"
done
cp "$RUN/cni.conflist" /etc/cni/net.d/10-e2e.conflist
printf '127.0.0.1 localhost\n%s %s\n' "$NODE_IP" "$NODE" >/run/hosts
mount --bind /run/hosts /etc/hosts
: >/run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf

# kubelet insists on these values, which are the whole machine's. It is shown
# files that read so; the machine keeps its own.
show() {
  echo "$2" >"/run/sysctl/${1//\//_}"
  mount --bind "/run/sysctl/${1//\//_}" "/proc/sys/$1"
}
show vm/overcommit_memory 1
show vm/panic_on_oom 0
show kernel/panic 10
show kernel/panic_on_oops 1
show kernel/keys/root_maxkeys 1000000
show kernel/keys/root_maxbytes 25000000
mount --make-rshared /

# The keeper moves eth0 in here. There is no default route: nothing gets out.
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
ip addr add "$NODE_IP/30" dev eth0
ip link set eth0 up
ip route add "$SERVICE_CIDR" dev eth0 src "$NODE_IP"
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 2>/dev/null >/proc/sys/net/bridge/bridge-nf-call-iptables || true

start() {
  local name=$1
  shift
  "$name" "$@" >"$RUN/log/$name.log" 2>&1 &
}
pki=$RUN/pki

start etcd --data-dir=/run/etcd --unsafe-no-fsync --log-level=warn \
  --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
  --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 \
  --initial-cluster=default=http://127.0.0.1:2380
start containerd -c "$RUN/containerd.toml"
start kube-apiserver --etcd-servers=http://127.0.0.1:2379 --profiling=false \
  --advertise-address="$NODE_IP" --secure-port=6443 --service-cluster-ip-range="$SERVICE_CIDR" \
  --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
  --client-ca-file="$pki/ca.crt" --token-auth-file="$pki/tokens.csv" \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
  --service-account-issuer=https://kubernetes.default.svc \
  --service-account-key-file="$pki/accounts.pub" --service-account-signing-key-file="$pki/accounts.key"

until ctr --namespace k8s.io version >/dev/null 2>&1; do sleep 0.05; done
for image in "$RUN"/images/*.tar; do
  ctr --namespace k8s.io images import "$image" >>"$RUN/log/images.log" 2>&1
done

# The others wait here for an API server that answers, and not each in its way.
until kubectl --kubeconfig="$RUN/kubeconfig" get --raw=/readyz >/dev/null 2>&1; do sleep 0.1; done
start kube-controller-manager --kubeconfig="$RUN/kubeconfig" --bind-address=127.0.0.1 \
  --leader-elect=false --kube-api-qps=500 --kube-api-burst=500 \
  --service-account-private-key-file="$pki/accounts.key" --root-ca-file="$pki/ca.crt"
start kube-scheduler --kubeconfig="$RUN/kubeconfig" --bind-address=127.0.0.1 \
  --leader-elect=false --kube-api-qps=500 --kube-api-burst=500
start kubelet --kubeconfig="$RUN/kubelet.kubeconfig" --config="$RUN/kubelet.yaml" \
  --hostname-override="$NODE" --node-ip="$NODE_IP" --v=2
start kube-proxy --kubeconfig="$RUN/kubeconfig" --hostname-override="$NODE" \
  --proxy-mode=nftables --cluster-cidr="$POD_CIDR" \
  --conntrack-max-per-core=0 --conntrack-min=0 \
  --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s

# Reaps orphans, too. A node that lacks one of its programs is none: let it end
# where somebody looks.
set +e
wait -n
echo "status $? of the program that is missing here:"
jobs -r
