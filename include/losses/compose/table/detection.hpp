// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <losses/compose/entry.hpp>
#include <losses/detection.hpp>

namespace LOSSES_NAMESPACE::detail {

template <std::floating_point T>
std::vector<LossEntry<T>> detection_entries() {
  using Data = LossArguments;
  return in_room<T>("detection", "detection",
                    {entry<IoU<T>>("iou", "IoU", Data::boxes, "1 minus intersection over union of boxes",
                                   option<&rule::IoU<T>::epsilon>("epsilon")),
                     entry<GIoU<T>>("giou", "GIoU", Data::boxes, "the same, with a slope for boxes that do not meet",
                                    option<&rule::GIoU<T>::epsilon>("epsilon")),
                     entry<DIoU<T>>("diou", "DIoU", Data::boxes, "the same, by the distance of the centres",
                                    option<&rule::DIoU<T>::epsilon>("epsilon")),
                     entry<CIoU<T>>("ciou", "CIoU", Data::boxes, "the same, and by the aspect",
                                    option<&rule::CIoU<T>::epsilon>("epsilon"))});
}

}  // namespace LOSSES_NAMESPACE::detail
