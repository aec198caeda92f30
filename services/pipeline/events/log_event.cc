#include "services/pipeline/events/log_event.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <utility>

namespace embudo::pipeline::events {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using type::v1::Event;

/// Finds the tenant without looking into anything else. False if the bytes are no message.
bool FindTenant(std::string_view data, size_t* at, size_t* size) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(data.data()), static_cast<int>(data.size()));
  constexpr uint32_t kTenant =
      WireFormatLite::MakeTag(Event::kTenantFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  while (const uint32_t tag = in.ReadTag()) {
    if (tag != kTenant) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    uint32_t length = 0;
    if (!in.ReadVarint32(&length)) return false;
    *at = static_cast<size_t>(in.CurrentPosition());
    *size = length;
    if (!in.Skip(static_cast<int>(length))) return false;
  }
  return in.ConsumedEntireMessage();
}

void AppendVarintField(std::string& out, int number, uint64_t value) {
  uint8_t bytes[20];
  uint8_t* end =
      CodedOutputStream::WriteVarint32ToArray(WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_VARINT), bytes);
  end = CodedOutputStream::WriteVarint64ToArray(value, end);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(end - bytes));
}

}  // namespace

LogEvent::LogEvent(int partition, int64_t position, std::string_view data)
    : partition_(partition), position_(position) {
  if (!FindTenant(data, &tenant_at_, &tenant_size_)) {
    tenant_at_ = tenant_size_ = 0;
    data = {};  // what is no event is a place alone
  }
  // Fields may stand in any order, so the place goes to the end.
  wire_.reserve(data.size() + 16);
  wire_.append(data);
  AppendVarintField(wire_, Event::kPartitionFieldNumber, static_cast<uint64_t>(partition));
  AppendVarintField(wire_, Event::kPositionFieldNumber, static_cast<uint64_t>(position));
}

std::shared_ptr<const Event> LogEvent::parsed() const {
  if (std::shared_ptr<const Event> known = parsed_.load()) return known;
  auto event = std::make_shared<Event>();
  if (!event->ParseFromString(wire_)) event->Clear();
  event->set_partition(partition_);
  event->set_position(position_);
  parsed_.store(event);
  return event;
}

void AddItem(std::vector<LogItem>* items, LogItem item) {
  if (item.event == nullptr && !items->empty() && items->back().event == nullptr &&
      items->back().partition == item.partition) {
    items->back().position = item.position;
    return;
  }
  items->push_back(std::move(item));
}

}  // namespace embudo::pipeline::events
