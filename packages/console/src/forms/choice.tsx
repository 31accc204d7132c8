import "./choice.css";

/** A choice between a few options, each with an explanation. */
export function Choice<Value extends string>({
  legend,
  name,
  value,
  onChange,
  options,
}: {
  readonly legend: string;
  readonly name: string;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly options: readonly { readonly value: Value; readonly label: string; readonly about: string }[];
}) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div className="choice">
        {options.map((option) => (
          <label key={option.value} className="choice-option">
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span>{option.label}</span>
            <span className="choice-about">{option.about}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
