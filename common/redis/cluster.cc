#include "common/redis/cluster.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "common/base/error.h"

namespace embudo::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// How often streams of several nodes are asked for news: no node can wait for all.
constexpr milliseconds kPoll{20};
/// Redirections of one command: a slot that moves at this moment takes two.
constexpr int kMostRedirections = 5;

constexpr uint16_t kPolynomial = 0x1021;

constexpr std::array<uint16_t, 256> MakeCrcTable() {
  std::array<uint16_t, 256> table{};
  for (unsigned i = 0; i < table.size(); ++i) {
    unsigned crc = i << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ kPolynomial : crc << 1;
    table[i] = static_cast<uint16_t>(crc);
  }
  return table;
}
constexpr std::array<uint16_t, 256> kCrcTable = MakeCrcTable();

absl::Status Unavailable(std::string_view why) {
  return Error(absl::StatusCode::kUnavailable, "REDIS_UNAVAILABLE", "Redis Cluster: " + std::string(why));
}

/// `MOVED 3999 10.0.0.1:6379`, `ASK 3999 10.0.0.1:6379`.
struct Redirection {
  bool ask = false;
  std::string address;
};

bool ParseRedirection(const Reply& reply, Redirection* out) {
  if (!reply.is_error()) return false;
  const std::string_view text = reply.text();
  out->ask = text.starts_with("ASK ");
  if (!out->ask && !text.starts_with("MOVED ")) return false;
  out->address = text.substr(text.rfind(' ') + 1);
  return true;
}

/// What an XREAD asks for.
struct StreamRead {
  std::string_view count = "100";
  milliseconds block{0};
  std::vector<std::string_view> keys;
  std::vector<std::string_view> ids;
};

StreamRead ParseRead(const Connection::Args& args) {
  StreamRead read;
  size_t i = 1;
  for (; i + 1 < args.size() && args[i] != "STREAMS"; i += 2) {
    if (args[i] == "COUNT") read.count = args[i + 1];
    if (args[i] == "BLOCK") read.block = milliseconds(std::stoll(std::string(args[i + 1])));
  }
  const size_t streams = (args.size() - i - 1) / 2;
  read.keys.assign(args.begin() + static_cast<ptrdiff_t>(i) + 1,
                   args.begin() + static_cast<ptrdiff_t>(i + 1 + streams));
  read.ids.assign(args.begin() + static_cast<ptrdiff_t>(i + 1 + streams), args.end());
  return read;
}

class Cluster final : public Connection {
 public:
  Cluster(milliseconds timeout, OpenNode open_node) : timeout_(timeout), open_node_(std::move(open_node)) {}

  /// Reads which node has which slots from the first of these nodes that answers.
  absl::Status ReadSlots(const std::vector<std::string>& nodes);

  absl::StatusOr<Reply> Command(const Args& args) override {
    if (!args.empty() && args[0] == "XREAD") return ReadStreams(ParseRead(args));
    return Connection::Command(args);
  }
  void Append(const Args& args) override;
  absl::StatusOr<Reply> Next() override;

 private:
  /// A command on its way.
  struct Sent {
    std::string address;
    std::vector<std::string> args;
  };

  absl::StatusOr<Connection*> NodeAt(const std::string& address);
  absl::StatusOr<Reply> Redirect(const Sent& sent, Redirection to);
  absl::StatusOr<Reply> ReadStreams(const StreamRead& read);
  absl::StatusOr<std::vector<Reply>> ReadEach(const StreamRead& read);

  const milliseconds timeout_;
  const OpenNode open_node_;
  /// The last slot of each range, and the node that has it.
  std::map<int, std::string> ranges_;
  std::map<std::string, std::unique_ptr<Connection>> nodes_;
  std::deque<Sent> sent_;
  /// What went wrong in Append, for the next Next.
  absl::Status broken_;
  /// A node that knows more than ranges_ does: asked when no answers are outstanding.
  std::string moved_to_;
  size_t turn_ = 0;
};

absl::Status Cluster::ReadSlots(const std::vector<std::string>& nodes) {
  absl::Status last = Unavailable("no node is given");
  for (const std::string& address : nodes) {
    const auto node = NodeAt(address);
    if (!node.ok()) {
      last = node.status();
      continue;
    }
    const auto reply = (*node)->Command({"CLUSTER", "SLOTS"});
    if (!reply.ok() || reply->is_error() || reply->size() == 0) {
      last = reply.ok() ? Unavailable("no slots are told: " + std::string(reply->text())) : reply.status();
      nodes_.erase(address);
      continue;
    }
    ranges_.clear();
    for (size_t i = 0; i < reply->size(); ++i) {
      const Reply range = (*reply)[i];
      std::string host(range[2][0].text());
      // A node that does not know its own name is where it was asked.
      if (host.empty()) host = address.substr(0, address.rfind(':'));
      ranges_[static_cast<int>(range[1].integer())] = host + ":" + std::to_string(range[2][1].integer());
    }
    return absl::OkStatus();
  }
  return last;
}

absl::StatusOr<Connection*> Cluster::NodeAt(const std::string& address) {
  auto& node = nodes_[address];
  if (node == nullptr) {
    auto opened = open_node_(address, timeout_);
    if (!opened.ok()) {
      nodes_.erase(address);
      return opened.status();
    }
    node = *std::move(opened);
  }
  return node.get();
}

void Cluster::Append(const Args& args) {
  Sent& sent = sent_.emplace_back();
  for (const std::string_view arg : args) sent.args.emplace_back(arg);
  if (broken_.ok() && !moved_to_.empty() && sent_.size() == 1) {
    broken_ = ReadSlots({std::exchange(moved_to_, {})});
  }
  if (!broken_.ok()) return;
  const size_t key = args[0] == "XREAD" ? args.size() - 2 : 1;
  const auto range = ranges_.lower_bound(args.size() > key ? SlotOf(args[key]) : 0);
  if (range == ranges_.end()) {
    broken_ = Unavailable("a slot is served by no node");
    return;
  }
  sent.address = range->second;
  const auto node = NodeAt(sent.address);
  if (!node.ok()) {
    broken_ = node.status();
    return;
  }
  (*node)->Append(args);
}

absl::StatusOr<Reply> Cluster::Next() {
  if (!broken_.ok()) return broken_;
  if (sent_.empty()) return Unavailable("nothing was asked");
  const Sent sent = std::move(sent_.front());
  sent_.pop_front();
  auto reply = nodes_.at(sent.address)->Next();
  Redirection to;
  if (reply.ok() && reply->is_error() && reply->text().starts_with("CLUSTERDOWN")) reply = Unavailable(reply->text());
  if (reply.ok() && ParseRedirection(*reply, &to)) reply = Redirect(sent, to);
  if (!reply.ok()) broken_ = reply.status();
  return reply;
}

absl::StatusOr<Reply> Cluster::Redirect(const Sent& sent, Redirection to) {
  const Args args(sent.args.begin(), sent.args.end());
  for (int i = 0; i < kMostRedirections; ++i) {
    // A connection of its own: others' answers may be outstanding on that of the node.
    EMBUDO_ASSIGN_OR_RETURN(const auto node, open_node_(to.address, timeout_));
    if (to.ask) EMBUDO_RETURN_IF_ERROR(node->Command({"ASKING"}).status());
    EMBUDO_ASSIGN_OR_RETURN(const Reply reply, node->Command(args));
    if (!to.ask) moved_to_ = to.address;
    if (!ParseRedirection(reply, &to)) return reply;
  }
  return Unavailable("redirected in a circle");
}

absl::StatusOr<Reply> Cluster::ReadStreams(const StreamRead& read) {
  const auto end = steady_clock::now() + read.block;
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(std::vector<Reply> streams, ReadEach(read));
    if (!streams.empty() || steady_clock::now() >= end) return Reply(std::move(streams));
    // The rest is spent waiting for one of the streams, each in its turn.
    const size_t i = turn_++ % read.keys.size();
    const std::string rest = std::to_string(std::min(kPoll, read.block).count());
    EMBUDO_ASSIGN_OR_RETURN(const Reply reply, Connection::Command({"XREAD", "COUNT", read.count, "BLOCK", rest,
                                                                    "STREAMS", read.keys[i], read.ids[i]}));
    if (reply.size() > 0) return reply;
  }
}

absl::StatusOr<std::vector<Reply>> Cluster::ReadEach(const StreamRead& read) {
  for (size_t i = 0; i < read.keys.size(); ++i) {
    Append({"XREAD", "COUNT", read.count, "STREAMS", read.keys[i], read.ids[i]});
  }
  std::vector<Reply> streams;
  for (size_t i = 0; i < read.keys.size(); ++i) {
    EMBUDO_ASSIGN_OR_RETURN(const Reply reply, Next());
    for (size_t stream = 0; stream < reply.size(); ++stream) streams.push_back(reply[stream]);
  }
  return streams;
}

}  // namespace

int SlotOf(std::string_view key) {
  const size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  unsigned crc = 0;
  for (const char c : key) crc = ((crc << 8) & 0xffff) ^ kCrcTable[((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xff];
  return static_cast<int>(crc % kSlots);
}

absl::StatusOr<std::unique_ptr<Connection>> OpenCluster(const std::string& seeds, milliseconds timeout,
                                                        const OpenNode& open_node) {
  std::vector<std::string> nodes;
  std::istringstream list(seeds);
  for (std::string node; std::getline(list, node, ',');) nodes.push_back(node);
  auto cluster = std::make_unique<Cluster>(timeout, open_node);
  EMBUDO_RETURN_IF_ERROR(cluster->ReadSlots(nodes));
  return cluster;
}

}  // namespace embudo::redis
