// SPDX-License-Identifier: MIT

#include <losses/detection.hpp>

#include "boxes.hpp"
#include "rows.hpp"

namespace bench {

namespace {

/// n boxes, against g = p + y.
template <class Matrix, class Loss, class R = Rivals<>>
Case boxes(Index n, const Loss& loss, const char* torch_loss, const R& rivals = {}) {
  auto data = std::make_shared<Data<Matrix, Matrix>>();
  data->p.resize(n, 4);
  data->y.resize(n, 4);
  data->g.setZero(n, 4);
  fill_boxes(data->p, data->y);
  Case each{value_and_gradient(loss, data),
            repeat([data] {
              add(data->p, data->y, data->g);
              return data->g.data();
            }),
            "p + y",
            {},
            {}};
  add_torch(each, data, loss, torch_loss);
  add_rivals(each, data, loss, rivals);
  return each;
}

}  // namespace

std::vector<Row> rows_of_detection() {
  using namespace losses;
  using Rows = RowMajorMatrix<float>;
  using Columns = ColumnMajorMatrix<float>;
  constexpr Index n = 100000;
  const Rivals<float (*)(const Rows&, const Rows&, Rows&)> giou_rivals{by_hand::giou};

  return {
      {"GIoU, 100 000 boxes", Bar::torch_over(15), [=] { return boxes<Rows>(n, GIoU<float>(), "giou", giou_rivals); }},
      {"GIoU, 100 000 boxes, column-major", Bar::torch_over(15),
       [=] { return boxes<Columns>(n, GIoU<float>(), "giou"); }},
      {"IoU, 100 000 boxes", Bar::none(), [=] { return boxes<Rows>(n, IoU<float>(), "iou"); }},
      {"DIoU, 100 000 boxes", Bar::none(), [=] { return boxes<Rows>(n, DIoU<float>(), "diou"); }},
      {"CIoU, 100 000 boxes", Bar::none(), [=] { return boxes<Rows>(n, CIoU<float>(), "ciou"); }},
      {"GIoU, 100 boxes", Bar::none(), [=] { return boxes<Rows>(100, GIoU<float>(), "giou", giou_rivals); }},
  };
}

}  // namespace bench
